"""The run: its states, its table rows, its steps (stage, deliver, confirm)."""
