"""Benchmarks: figures of this machine, measured anew each time."""
