"""Benchmarks: figures of this machine, measured again each time."""
