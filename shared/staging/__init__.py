"""From a snapshot of a segment to files ready to be sent: no run, no state."""
