"""Queue trigger: takes the next step of a run."""
