"""Timer trigger: starts what is due."""
