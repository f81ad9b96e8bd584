"""Chaos: the whole app on this machine, under kills, faults, doubles and restarts; an oracle judges what is left."""
