"""Faults that were in the product once, each put back as it was."""

from simulation.defect import Defect, Edit, one

MENDED: tuple[Defect, ...] = (
    one(
        "outage-ends-the-run",
        "A message that was given up while storage was away ends its run when storage is back.",
        "runs.steps.dispatch",
        "if run.faults < _MOST_FAULTS and",
        "if run.faults < 0 and",
    ),
    one(
        "typo-ends-the-run",
        "A configuration that cannot be read for a moment ends the runs that need it.",
        "app",
        'raise TransientError("configuration_unreadable", error.message, error.advice) from None',
        "raise",
    ),
    one(
        "cancel-not-settled",
        "The snapshot of a run that is cancelled counts as not started, and the timer starts it again.",
        "runs.tries",
        'if run.state == "skipped" and not run.snapshot:',
        'if run.state == "cancelled" or (run.state == "skipped" and not run.snapshot):',
    ),
    one(
        "failed-once-and-for-all",
        "A snapshot whose run has failed is never tried again.",
        "runs.tries",
        "if not self.is_open:",
        "if self.failed >= 0:",
    ),
    one(
        "slot-freed-with-its-run",
        "The slot of a run that has ended is free while Brevo still works on its import.",
        "runs.left_imports",
        "if batch is not None and batch.may_be_open:",
        "if not slot.run:",
    ),
    one(
        "posting-after-standing-still",
        "A worker that stood still after its claim posts, though another one may have the batch by then.",
        "runs.steps.deliver",
        "looking_again(app, partial(_is_ours, app, run, batch), claim.taken_at)",
        "bool",
    ),
    one(
        "lost-import-not-waited-for",
        "The slot of a batch whose first answer was lost is free once the repeated post's import is over.",
        "runs.batch",
        "return self.state not in DELIVERABLE and self.posts > known",
        "return False",
    ),
    one(
        "older-import-not-waited-for",
        "Where an account allows two imports, a run sends beside the import of an earlier run of its export.",
        "runs.slots",
        "return any(not _is_done_with(app, row) for row in earlier)",
        "return False",
    ),
    one(
        "unanswered-not-told",
        "A post whose answer did not come, or whose import failed, counts as nothing sent.",
        "runs.batch",
        'return self.state in {*DELIVERABLE, "splitting"} and (self.posts > 0 or self.was_in_file)',
        "return False",
    ),
    Defect(
        "late-bodies-left",
        "What a worker writes after its run's end stays.",
        (
            Edit(
                "shared.runs.steps.stage",
                'app.storage.app_blobs.delete_below(STAGED, f"{run.run_id}/{staging_id}/")',
                "pass",
            ),
            Edit("shared.runs.steps.sweep", "    _clear_staged(app, set(open_runs))\n", ""),
        ),
    ),
    Defect(
        "live-run-unlisted",
        "A start that is repeated an hour later is taken off the list of open runs by a sweep.",
        (
            Edit(
                "shared.runs.steps.sweep",
                "app.store.drop_unwritten(run_id, _UNWRITTEN_SECONDS)",
                "app.store.drop_open(run_id)",
            ),
            Edit("shared.runs.starting", "        app.store.list_open(active, ready.key_setting)", "        pass"),
        ),
    ),
    Defect(
        "end-logged-by-its-writer-alone",
        "The line `run ended` is missing where the worker that ends the run dies or loses the answer.",
        (
            Edit("shared.runs.steps.end", '    _log.info("%s", ended_line(run))\n', ""),
            Edit(
                "shared.runs.steps.end",
                "        measure_end(ended)\n",
                '        measure_end(ended)\n        _log.info("%s", ended_line(ended))\n',
            ),
        ),
    ),
)
