"""How long a run may last, and how long what it stores is kept: the limits that depend on each other, in one place.

infra/app/storage.bicep has the days of its lifecycle rules as numbers of its own; tests/unit/test_lifetimes.py compares
them.
"""

# The most that a connection's import_deadline_hours may say.
LONGEST_IMPORT_HOURS = 168
# How long a run may send, over all its batches, before it fails. One batch may take its deadline, and some hours of
# failures before it.
LONGEST_SENDING_HOURS = 192
# The most that an export's hold_hours may say. A run that is held has no bodies; its rejected rows are kept for longer.
LONGEST_HOLD_HOURS = 168
# Lifecycle rule: a staged body is needed until its run has ended, and nothing of the rule sees whether it has.
STAGED_DAYS = 9
# `prune` sees which runs have ended. Two days are for what a worker that is still alive may write behind an end.
ENDED_STAGED_DAYS = 2
REJECTED_DAYS = 30
# Who left a list, or is in one: an answer of Brevo that a run uses for an hour (shared/runs/answers.py).
LEAVERS_DAYS = 1
# Whom a run has added to a list and whom it has removed: for so long it can be undone.
UNDO_DAYS = 30
