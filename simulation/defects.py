"""Faults that are put into copies of the real modules, to see that the simulation finds them.

Each text to be replaced stands exactly once in its module; `tests/simulation` says where one does not any more.
"""

from simulation.defect import Defect, Edit, one
from simulation.mended import MENDED
from simulation.people_defects import BY_PEOPLE

DEFECTS: tuple[Defect, ...] = (
    # Conditional writes
    one(
        "row-etag-dropped",
        "A row is changed whatever has happened to it since it was read.",
        "storage.tables",
        "self.save(Row(partition, key, values, row.etag if row else None))",
        'self.save(Row(partition, key, values, "*" if row else None))',
    ),
    one(
        "slot-condition-dropped",
        "A slot is taken whatever has happened to it since it was read.",
        "runs.slot_rows",
        "app.storage.accounts.save(row)\n    except (Conflict, NotFound):\n        return False",
        "app.storage.accounts.put(row)\n    except (Conflict, NotFound):\n        return False",
    ),
    one(
        "active-not-exclusive",
        "A second run of an export is written beside the active one.",
        "runs.store",
        'Change("replace" if active else "insert", active_now),',
        'Change("put", active_now),',
    ),
    # Claims
    one(
        "batch-claim-forgotten",
        "A batch that a live worker posts counts as nobody's.",
        "runs.batch",
        'return self.state == "delivering" and lies_ahead(self.owner_until, now.timestamp(), CLAIM_AHEAD_SECONDS)',
        "return False",
    ),
    one(
        "commit-by-anybody",
        "A worker that has lost its claim commits its staging.",
        "runs.state",
        "if not self.is_staged_by(owner) or self.is_stopping:\n            return None\n        counts",
        "if self.is_final or self.is_stopping:\n            return None\n        counts",
    ),
    one(
        "posting-without-another-look",
        "A batch is posted without looking whether its run has ended meanwhile.",
        "runs.steps.deliver",
        "        _check_still_open(app, run)\n        brevo",
        "        brevo",
    ),
    one(
        "claim-over-at-once",
        "A claim is over as soon as it is taken.",
        "runs.graces",
        "claim: float = 20.0",
        "claim: float = 0.0",
    ),
    # Slots
    one(
        "slot-freed-early",
        "A batch needs no slot any more once it is delivered.",
        "runs.batch",
        'return self.state in {"confirmed", "failed", *SPLIT} or (self.state == "delivered" and self.called_back)',
        'return self.state in {"confirmed", "failed", *SPLIT, "delivered"}',
    ),
    one(
        "slot-not-taken",
        "A batch goes out without a slot.",
        "runs.steps.deliver",
        "if not take_slot(app, run, batch, connection.imports_at_once, connection.import_deadline_hours):",
        "if not take_slot(app, run, batch, 99, connection.import_deadline_hours):",
    ),
    one(
        "repeats-not-counted",
        "A batch that was posted again within one call counts as posted once, and its call-back is believed.",
        "runs.steps.deliver",
        "repeats = brevo.session.traffic.maybe_taken - 1",
        "repeats = 0",
    ),
    # Stale decisions
    one(
        "stale-confirm-accepted",
        "Every copy of a confirm message drives the run.",
        "runs.steps.confirm",
        "if run.state not in SENDING or message.number != run.confirm_number:",
        "if run.state not in SENDING:",
    ),
    one(
        "confirm-not-numbered",
        "All confirm messages of a run have the same number.",
        "runs.state",
        "confirm_number=self.confirm_number + 1,",
        "confirm_number=1,",
    ),
    one(
        "watch-chain-doubled",
        "Every copy of a watch message sends the next one.",
        "runs.state",
        "if self.is_final or lies_ahead(self.watch_due - CLOCK_SECONDS, now.timestamp(), CLAIM_AHEAD_SECONDS):",
        "if self.is_final:",
    ),
    one(
        "any-process-confirms",
        "What was read of a batch's first import counts for its second.",
        "runs.batch",
        'return self.state == "delivered" and self.process_id == process_id',
        'return self.state == "delivered"',
    ),
    Defect(
        "ending-unconditional",
        "A run that has ended is ended once more.",
        (
            Edit("shared.runs.store", "None if now.is_final else change(now)", "change(now)"),
            Edit(
                "shared.runs.state",
                'return None if self.is_final else self._ended("cancelled", now, problem, unanswered)',
                'return self._ended("cancelled", now, problem, unanswered)',
            ),
            Edit(
                "shared.runs.state",
                'return None if self.is_final else self._ended("failed", now, problem, unanswered)',
                'return self._ended("failed", now, problem, unanswered)',
            ),
        ),
    ),
    one(
        "skipped-on-an-old-row",
        "A second copy of the stage message ends the run that the first one stages as skipped.",
        "runs.steps.stage",
        'still=lambda now: now.state == "queued" and not now.is_approved)',
        "still=lambda now: True)",
    ),
    one(
        "waiting-for-an-end-doubled",
        "Every copy of a message of a run that is to end brings the next one.",
        "runs.steps.dispatch",
        "(stop_when_idle if is_driving else stop_if_idle)(app, run)",
        "stop_when_idle(app, run)",
    ),
    # The order of writes
    Defect(
        "batches-after-commit",
        "A run is committed before its batches are written.",
        (
            Edit(
                "shared.runs.steps.stage",
                "        result = _write_batches(app, given, result)\n    except",
                "    except",
            ),
            Edit(
                "shared.runs.steps.stage",
                "    committed = _commit(app, run, claim, result)\n",
                "    committed = _commit(app, run, claim, result)\n    _write_batches(app, given, result)\n",
            ),
        ),
    ),
    one(
        "off-the-list-first",
        "A run that has ended is off the list of open runs before it is tidied up behind.",
        "runs.steps.end",
        "    leave_slots(app, run)\n    wake",
        "    app.store.drop_open(run.run_id)\n    leave_slots(app, run)\n    wake",
    ),
    # What is left out
    one(
        "batches-not-asked-for",
        "A run succeeds once all is delivered, whatever Brevo makes of it.",
        "runs.steps.confirm",
        "all(batch.is_settled for batch in batches)\n    _check_sending",
        'all(batch.state == "delivered" or batch.is_settled for batch in batches)\n    _check_sending',
    ),
    one(
        "books-not-closed",
        "A run succeeds without its batches being added up.",
        "runs.steps.end",
        "lambda now: _added_up(now, batches).succeeded(",
        "lambda now: now.succeeded(",
    ),
    Defect(
        "bodies-kept",
        "The staged bodies of a run stay when it ends, and no sweep deletes them.",
        (
            Edit(
                "shared.runs.steps.end",
                'app.storage.app_blobs.delete_below(STAGED, f"{run.run_id}/")',
                "pass",
            ),
            Edit("shared.runs.steps.sweep", "    _clear_staged(app, set(open_runs))\n", ""),
        ),
    ),
    one(
        "nobody-announced",
        "No message says that a run has ended.",
        "runs.steps.end",
        "    send_ended(app, run)\n",
        "",
    ),
    Defect(
        "snapshot-not-noted",
        "A run does not write down which snapshot it has taken, nor its end which one it has sent.",
        (
            Edit(
                "shared.runs.steps.stage",
                "        app.store.take_snapshot(run, still_ours, is_tried_again=again)\n",
                "",
            ),
            Edit(
                "shared.runs.tries",
                "known = self._with_snapshot_settled(run).with_due_known(self.due)",
                "known = self.with_due_known(self.due)",
            ),
        ),
    ),
    one(
        "active-row-left",
        "The row of the active run stays when it ends.",
        "runs.store",
        'if active is not None and active.values["run_id"] == run.run_id:\n            changes',
        "if False and active is not None:\n            changes",
    ),
    one(
        "not-on-the-list",
        "A run is not put on the list of open runs.",
        "runs.store",
        "        self.list_open(run.run_id, run.key_setting, run.list_id)\n\n        def changes",
        "\n        def changes",
    ),
    one(
        "quiet-period-ignored",
        "A snapshot is taken while it is still written.",
        "runs.steps.snapshot_waits",
        "return wait or snapshot",
        "return snapshot",
    ),
    one(
        "first-trouble-ends",
        "The first failure of a step that may pass by itself ends the run.",
        "runs.steps.dispatch",
        "if now > deadline:",
        "if now >= since:",
    ),
    one(
        "posters-not-waited-for",
        "A run ends while a worker posts one of its batches, and says that nothing was sent.",
        "runs.steps.stop",
        "if run.is_owned(app.time()) or _is_posting(app, run):",
        "if run.is_owned(app.time()):",
    ),
    # What is sent
    one(
        "stagings-mixed",
        "All stagings of a run lie below the same name.",
        "runs.steps.stage",
        "staging_id = secrets.token_hex(4)",
        "staging_id = run.run_id[-6:]",
    ),
    one(
        "first-body-only",
        "Every batch sends the first one's body.",
        "runs.steps.imported",
        "app_blobs.read(STAGED, body_name(batch.staging, batch.number))",
        "app_blobs.read(STAGED, body_name(batch.staging, 1))",
    ),
    one(
        "blacklist-sent",
        "Imports say something of subscriptions.",
        "brevo.body",
        '"disableNotification": True,',
        '"disableNotification": True,\n            "emailBlacklist": False,',
    ),
    one(
        "rejections-unread",
        "What Brevo rejected is not looked at.",
        "runs.steps.confirm",
        "found = read_reports(app, batch, process)",
        "found = unread_reports(app, batch)",
    ),
    one(
        "last-batch-forgotten",
        "Contacts that Brevo rejected for a number of another contact's are not sent once more.",
        "runs.steps.confirm",
        "if not contacts_to_move(batches):",
        "if batches:",
    ),
    one(
        "moved-counted-twice",
        "Contacts that move count as delivered in their last batch as well.",
        "runs.steps.end",
        ' in ("delivered", "confirmed", "failed") and not batch.holds_moved:',
        ' in ("delivered", "confirmed", "failed"):',
    ),
    one(
        "unread-report-is-success",
        "A run succeeds without rejections though a report could not be read.",
        "runs.steps.end",
        "all_read = not any(batch.note for batch in batches)",
        "all_read = True",
    ),
    Defect(
        "address-in-the-story",
        "A run's story names the addresses that were sent, and nothing masks them.",
        (
            Edit(
                "shared.runs.steps.deliver",
                'f"Batch {batch.number}: {batch.contacts:,} contacts.")\n    if batch.called_back',
                'f"Batch {batch.number}: {read_import(app, run, ready, batch)!r}")\n    if batch.called_back',
            ),
            Edit("shared.runs.store", '"text": masked(text[:1000])', '"text": text[:1000]'),
        ),
    ),
    # Notices
    one(
        "notice-claim-dropped",
        "A notice that another worker posts is posted as well.",
        "notices.rows",
        "if self.is_final or self.owner == owner or lies_ahead(self.until - early, now, WAIT_AHEAD_SECONDS):\n"
        '            return None\n        if self.state == "sending" and not (repeats and self.owner == seen.owner):\n',
        "if self.is_final or self.owner == owner:\n",
    ),
    one(
        "notice-repeated",
        "A notice of which nobody knows whether it was taken is posted again to people.",
        "notices.tell",
        '        if notification.type == "webhook":\n            _write',
        "        if notification.id:\n            _write",
    ),
    one(
        "notice-given-up-at-once",
        "A notice that a receiver refuses for a moment is given up.",
        "notices.tell",
        "if now - since > GIVE_UP_SECONDS:",
        "if now >= since:",
    ),
    *BY_PEOPLE,
    *MENDED,
)
