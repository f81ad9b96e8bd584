"""Event Grid trigger: a segment file landed."""
