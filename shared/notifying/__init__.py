"""Tells people of a run's end: the forms of Teams, Slack and signed webhooks, and how they are posted."""
