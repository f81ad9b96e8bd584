"""Faults that are put into copies of the real modules, to see that the simulation finds them: texts for other texts.

Each text to be replaced stands exactly once in its module; `tests/simulation` says where one does not any more.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """In the module, `new` in the place of `old`."""

    module: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Defect:
    """A fault, in a sentence, and what it changes."""

    name: str
    what: str
    edits: tuple[Edit, ...]


def _one(name: str, what: str, module: str, old: str, new: str) -> Defect:
    return Defect(name, what, (Edit(f"shared.{module}", old, new),))


DEFECTS: tuple[Defect, ...] = (
    # Conditional writes
    _one(
        "row-etag-dropped",
        "A row is changed whatever has happened to it since it was read.",
        "storage.tables",
        "self.save(Row(partition, key, values, row.etag if row else None))",
        'self.save(Row(partition, key, values, "*" if row else None))',
    ),
    _one(
        "slot-etag-dropped",
        "A slot is taken over whatever has happened to it since it was read.",
        "runs.slots",
        'wanted = Row(run.key_setting, f"slot-{number}", mine, row.etag if row else None)',
        'wanted = Row(run.key_setting, f"slot-{number}", mine, "*" if row else None)',
    ),
    _one(
        "ending-etag-dropped",
        "A run is ended whatever has happened to it since that was decided.",
        "runs.store",
        'changes = [Change("replace", run_row(run))]',
        'changes = [Change("put", run_row(run))]',
    ),
    _one(
        "active-not-exclusive",
        "A second run of an export is written beside the active one.",
        "runs.store",
        'Change("insert", Row(run.export, "active", {"run_id": run.run_id})),',
        'Change("put", Row(run.export, "active", {"run_id": run.run_id})),',
    ),
    # Claims
    _one(
        "batch-claim-forgotten",
        "A batch that a live worker posts counts as nobody's.",
        "runs.state",
        'return self.state == "delivering" and self.owner_until > now.timestamp()',
        "return False",
    ),
    _one(
        "commit-by-anybody",
        "A worker that has lost its claim commits its staging.",
        "runs.state",
        "if not self.is_staged_by(owner) or self.is_stopping:",
        "if self.is_final or self.is_stopping:",
    ),
    _one(
        "posting-without-another-look",
        "A batch is posted without looking whether its run has ended meanwhile.",
        "runs.steps.deliver",
        "        _check_still_open(app, run)\n        brevo",
        "        brevo",
    ),
    _one(
        "claim-of-a-second",
        "A claim lasts shorter than the pause between its renewals.",
        "runs.graces",
        "claim: float = 20.0",
        "claim: float = 1.0",
    ),
    # Slots
    _one(
        "slot-freed-early",
        "A batch needs no slot any more once it is delivered.",
        "runs.state",
        'return self.state in ("confirmed", "failed") or (self.state == "delivered" and self.called_back)',
        'return self.state in ("confirmed", "failed", "delivered")',
    ),
    _one(
        "slot-not-taken",
        "A batch goes out without a slot.",
        "runs.steps.deliver",
        "if not take_slot(app, run, batch, connection.imports_at_once, connection.import_deadline_hours):",
        "if not take_slot(app, run, batch, 99, connection.import_deadline_hours):",
    ),
    _one(
        "repeats-not-counted",
        "A batch that was posted again within one call counts as posted once, and its call-back is believed.",
        "runs.steps.deliver",
        "repeats = brevo.session.traffic.requests - 1",
        "repeats = 0",
    ),
    # Stale decisions
    _one(
        "stale-confirm-accepted",
        "Every copy of a confirm message drives the run.",
        "runs.steps.confirm",
        "if run.state not in SENDING or message.number != run.confirm_number:",
        "if run.state not in SENDING:",
    ),
    _one(
        "confirm-not-numbered",
        "All confirm messages of a run have the same number.",
        "runs.state",
        "confirm_number=self.confirm_number + 1,",
        "confirm_number=1,",
    ),
    _one(
        "watch-chain-doubled",
        "Every copy of a watch message sends the next one.",
        "runs.state",
        "if self.is_final or self.watch_due > now.timestamp() + clock_seconds:",
        "if self.is_final:",
    ),
    _one(
        "any-process-confirms",
        "What was read of a batch's first import counts for its second.",
        "runs.state",
        'return self.state == "delivered" and self.process_id == process_id',
        'return self.state == "delivered"',
    ),
    Defect(
        "ending-unconditional",
        "A run that has ended is ended once more.",
        (
            Edit("shared.runs.store", "None if run.is_final else change(run)", "change(run)"),
            Edit(
                "shared.runs.state",
                'return None if self.is_final else self._ended("cancelled", now, problem)',
                'return self._ended("cancelled", now, problem)',
            ),
        ),
    ),
    _one(
        "skipped-on-an-old-row",
        "A second copy of the stage message ends the run that the first one stages as skipped.",
        "runs.steps.stage",
        'still=lambda now: now.state == "queued")',
        "still=lambda now: True)",
    ),
    # The order of writes
    Defect(
        "batches-after-commit",
        "A run is committed before its batches are written.",
        (
            Edit(
                "shared.runs.steps.stage", "        app.store.write_batches(result.batches)\n    except", "    except"
            ),
            Edit(
                "shared.runs.steps.stage",
                "    committed = _commit(app, run, claim, result)\n",
                "    committed = _commit(app, run, claim, result)\n    app.store.write_batches(result.batches)\n",
            ),
        ),
    ),
    _one(
        "off-the-list-first",
        "A run that has ended is off the list of open runs before it is tidied up behind.",
        "runs.steps.end",
        "    leave_slots(app, run)\n    app.storage",
        "    app.store.drop_open(run.run_id)\n    leave_slots(app, run)\n    app.storage",
    ),
    # What is left out
    _one(
        "batches-not-asked-for",
        "A run succeeds once all is delivered, whatever Brevo makes of it.",
        "runs.steps.confirm",
        'all(batch.state == "confirmed" for batch in batches):\n        end.succeed',
        'all(batch.state in ("delivered", "confirmed") for batch in batches):\n        end.succeed',
    ),
    _one(
        "books-not-closed",
        "A run succeeds without its batches being added up.",
        "runs.steps.end",
        "lambda run: _added_up(run, batches).succeeded(app.time())",
        "lambda run: run.succeeded(app.time())",
    ),
    _one(
        "bodies-kept",
        "The staged bodies of a run stay when it ends.",
        "runs.steps.end",
        'app.storage.app_blobs.delete_below(STAGED, f"{run.run_id}/")',
        "pass",
    ),
    _one(
        "nobody-announced",
        "No message says that a run has ended.",
        "runs.steps.end",
        "    send_ended(app, run)\n",
        "",
    ),
    _one(
        "snapshot-not-noted",
        "A run does not write down which snapshot it has taken.",
        "runs.steps.stage",
        "            app.store.note_snapshot(run.export, snapshot.id)\n",
        "",
    ),
    _one(
        "active-row-left",
        "The row of the active run stays when it ends.",
        "runs.store",
        'if active is not None and active.values["run_id"] == run.run_id:\n            changes',
        "if False and active is not None:\n            changes",
    ),
    _one(
        "not-on-the-list",
        "A run is not put on the list of open runs.",
        "runs.store",
        "        self.list_open(run.run_id, run.key_setting)\n\n        def changes",
        "\n        def changes",
    ),
    _one(
        "quiet-period-ignored",
        "A snapshot is taken while it is still written.",
        "runs.steps.stage",
        "if not run.skip_quiet and (wait := _wait_for(app, run, ready, snapshot)):",
        "if run.accept and (wait := _wait_for(app, run, ready, snapshot)):",
    ),
    _one(
        "first-trouble-ends",
        "The first failure of a step that may pass by itself ends the run.",
        "runs.steps.dispatch",
        "if now - since > GIVE_UP_SECONDS:",
        "if now - since >= 0:",
    ),
    _one(
        "posters-not-waited-for",
        "A run ends while a worker posts one of its batches, and says that nothing was sent.",
        "runs.steps.stop",
        "if run.is_owned(app.time()) or _is_posting(app, run):",
        "if run.is_owned(app.time()):",
    ),
    # Faults that were in the product once
    _one(
        "outage-ends-the-run",
        "A message that was given up while storage was away ends its run when storage is back.",
        "runs.steps.dispatch",
        "if run.faults < _MOST_FAULTS and",
        "if run.faults < 0 and",
    ),
    _one(
        "typo-ends-the-run",
        "A configuration that cannot be read for a moment ends the runs that need it.",
        "app",
        'raise TransientError("configuration_unreadable", error.message, error.advice) from None',
        "raise",
    ),
    _one(
        "slot-freed-with-its-run",
        "The slot of a run that has ended is free while Brevo still works on its import.",
        "runs.slots",
        "if batch is None or not batch.may_be_open or slot.is_overdue(app.now()):",
        "if slot.run:",
    ),
    _one(
        "unanswered-not-told",
        "A post whose answer did not come counts as nothing sent.",
        "runs.state",
        "return self.state in DELIVERABLE and self.posts > self.sent_again",
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
                "        measure_end(run)\n",
                '        measure_end(run)\n        _log.info("%s", ended_line(run))\n',
            ),
        ),
    ),
    # What is sent
    _one(
        "stagings-mixed",
        "All stagings of a run lie below the same name.",
        "runs.steps.stage",
        "staging_id = secrets.token_hex(4)",
        "staging_id = run.run_id[-6:]",
    ),
    _one(
        "first-body-only",
        "Every batch sends the first one's body.",
        "runs.steps.deliver",
        "body_name(batch.staging, batch.number)",
        "body_name(batch.staging, 1)",
    ),
    _one(
        "blacklist-sent",
        "Imports say something of subscriptions.",
        "brevo.body",
        '"disableNotification": True,',
        '"disableNotification": True,\n            "emailBlacklist": False,',
    ),
    _one(
        "rejections-unread",
        "What Brevo rejected is not looked at.",
        "runs.steps.confirm",
        "rejections, rows = _rejections(app, batch, process)",
        "rejections, rows = Rejections(), []",
    ),
    _one(
        "address-in-the-story",
        "A run's story names the addresses that were sent.",
        "runs.steps.deliver",
        'f"Batch {batch.number}: {batch.contacts:,} contacts.")\n    if batch.called_back',
        'f"Batch {batch.number}: {read_body(app, batch)!r}")\n    if batch.called_back',
    ),
    # Notices
    _one(
        "notice-claim-dropped",
        "A notice that another worker posts is posted as well.",
        "notices.rows",
        "if self.is_final or self.owner == owner or self.until > now + early:",
        "if self.is_final or self.owner == owner:",
    ),
    _one(
        "notice-repeated",
        "A notice of which nobody knows whether it was taken is posted again to people.",
        "notices.tell",
        '        if notification.type == "webhook":\n            _write',
        "        if notification.id:\n            _write",
    ),
    _one(
        "notice-unwatched",
        "A notice whose worker dies is told by nobody.",
        "notices.when",
        "            enqueue(app, replace(message, watch=True), app.graces.notice_watch)\n",
        "",
    ),
)
