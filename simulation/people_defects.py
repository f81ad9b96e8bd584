"""Faults about what people have decided: to leave a list, to approve what is held, or not to."""

from simulation.defect import Defect, Edit, one

BY_PEOPLE: tuple[Defect, ...] = (
    # Who left the list
    one(
        "leavers-sent",
        "Who left the list is asked, and sent all the same.",
        "runs.steps.reading",
        "leavers=leavers,",
        "leavers=None,",
    ),
    one(
        "older-answer-taken",
        "A run takes an answer that was asked for before it was there.",
        "runs.questions",
        "if not is_its_own and self.asked_at < since + _CLOCKS_DIFFER_SECONDS:",
        "if not self.asked_at:",
    ),
    # Lists that follow their segments
    one(
        "removed-before-confirmed",
        "Who left the segment is taken out of the list while the imports are still open.",
        "runs.steps.confirm",
        "    is_settled = len(batches) >= run.counts.batches and all(",
        "    if run.counts.contacts_to_remove > run.counts.contacts_removed:\n"
        "        from shared.runs.steps.settle import _remove\n\n"
        "        _remove(app, run)\n"
        "    is_settled = len(batches) >= run.counts.batches and all(",
    ),
    one(
        "ledger-before-removal",
        "The ledger forgets who is to be removed before they are.",
        "runs.steps.settle",
        "    for change in (_remove, _add):",
        "    from shared.runs.ledgers import LEDGERS, address_of\n\n"
        "    name = address_of(run).intention(run.run_id, run.staging_id)\n"
        "    if app.storage.app_blobs.listing_if_there(LEDGERS, name):\n"
        "        data = app.storage.app_blobs.read(LEDGERS, name)\n"
        "        app.storage.app_blobs.write(LEDGERS, address_of(run).ledger, data)\n"
        "    for change in (_remove, _add):",
    ),
    one(
        "intention-forgotten",
        "Whom a run that failed may have sent is not ours.",
        "runs.delivered",
        "return run is None or run.staging_id == staging_id",
        "return False",
    ),
    # What is held
    one(
        "guard-passed-over",
        "A run that a guard stops is sent at once.",
        "runs.steps.stage",
        "why = why_held(app, ready, run, staged, result.reader.fields, result.gaps, result.synced)",
        "why = PLAN if staged.is_to_be_held else None",
    ),
    one(
        "held-goes-on-by-itself",
        "A held run whose time is over is staged and sent instead of ended.",
        "runs.steps.watch",
        "        return expire(app, run)\n",
        '        app.store.update(run, lambda now: replace(now, state="queued", approved_of="x"))\n'
        '        send(app, Message(run.run_id, "stage"))\n'
        "        return True\n",
    ),
    Defect(
        "expired-approved",
        "A run that was held for too long is approved all the same.",
        (
            Edit("shared.runs.holding", "if run.is_past_hold(app.time()):", "if not run.run_id:"),
            Edit(
                "shared.runs.state",
                "if not self.is_held or self.is_stopping or self.is_past_hold(now):",
                "if not self.is_held or self.is_stopping:",
            ),
        ),
    ),
    one(
        "held-for-ever",
        "A run that nobody approves is held for ever.",
        "runs.holding",
        "problem, lambda now: now.is_past_hold(app.time())).is_final",
        "problem, lambda now: False).is_final",
    ),
    Defect(
        "newer-snapshot-approved",
        "Who approves what is held sends the snapshot that has come since.",
        (
            Edit("shared.runs.steps.stage", "        check_same_snapshot(run, snapshot.id)\n", ""),
            Edit("shared.runs.holding", "    check_same_snapshot(run, newest.id)\n", ""),
        ),
    ),
    one(
        "leavers-of-the-plan",
        "Who has left between plan and approval is put back.",
        "runs.questions",
        "is_its_own = run.run_id in self.runs and (not run.is_approved or self.asked_at >= since)",
        "is_its_own = run.run_id in self.runs",
    ),
    one(
        "approval-and-end-both-count",
        "A run that a person has cancelled is approved.",
        "runs.state",
        "if not self.is_held or self.is_stopping or self.is_past_hold(now):",
        "if self.is_past_hold(now):",
    ),
)
