"""Tells people how runs ended."""
