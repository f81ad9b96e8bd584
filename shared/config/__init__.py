"""Connections, exports and mappings: the models, and the JSON document they live in."""
