"""The protections of the send path, each with the change that removes it and the test that notices.

A sabotage is exact: its text stands once in its file, or `test_no_sabotage_has_rotted` says so.
Whoever changes a protection changes its sabotage; whoever adds one adds a sabotage.
"""

from dataclasses import dataclass

SEND = "sekvens/messages/send.py"
LEDGER = "sekvens/messages/ledger.py"
DOUBT = "sekvens/messages/doubt.py"
CLIENT = "sekvens/ses/client.py"

TEST_SEND = "tests/unit/test_send.py::"
TEST_DOUBT = "tests/unit/test_send_doubt.py::"
TEST_FEEDBACK = "tests/unit/test_feedback_doubt.py::"
TEST_LEDGER = "tests/unit/test_ledger.py::"
TEST_CLIENT = "tests/unit/test_ses_client.py::"
TEST_RELAY = "tests/unit/test_relay.py::"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One text of one file, replaced by another."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class Sabotage:
    """One protection removed."""

    name: str
    removes: str  #: in plain words, for the table
    changes: tuple[Change, ...]
    tests: tuple[str, ...]  #: each of them must turn red
    error: str | None = None  #: what they fail with, if it is no assertion


def _sabotage(
    name: str, removes: str, where: str, old: str, new: str, *tests: str, error: str | None = None
) -> Sabotage:
    change = Change(file=where, old=old, new=new)
    return Sabotage(name=name, removes=removes, changes=(change,), tests=tests, error=error)


_CALLING_SES = (
    _sabotage(
        "botocore-retries",
        "one call is one request: botocore's own retries are on again",
        CLIENT,
        '"retries": {"mode": "standard", "total_max_attempts": 1},',
        '"retries": {"mode": "standard"},',
        TEST_CLIENT + "test_one_send_is_one_request_when_the_connection_breaks",
    ),
    _sabotage(
        "no-deadline",
        "the deadline of an attempt is not looked at when the request is about to be written",
        CLIENT,
        "    if time.monotonic() > _deadline.get():\n",
        "    if time.monotonic() > _deadline.get() + 3600:\n",
        TEST_CLIENT + "test_a_call_past_its_deadline_writes_nothing",
    ),
    _sabotage(
        "deadline-after-the-claim",
        "the deadline counts from after the claim, where a worker may have been frozen",
        SEND,
        "        if claim is None:\n            return _overtaken(order)\n        with ExitStack()",
        "        deadline = time.monotonic() + DISPATCH_DEADLINE.total_seconds()\n"
        "        if claim is None:\n            return _overtaken(order)\n        with ExitStack()",
        TEST_DOUBT + "test_a_sender_that_is_frozen_right_after_its_claim_sends_nothing[sqlite]",
    ),
    _sabotage(
        "no-before-send-hook",
        "the hook that refuses a late request after signing is not registered",
        CLIENT,
        "for look in (_refuse_when_late, _halve):",
        "for look in (_halve,):",
        TEST_CLIENT + "test_a_worker_that_freezes_after_signing_writes_nothing",
    ),
    _sabotage(
        "no-signature-age",
        "the local SES takes requests whose signature is old",
        "sekvens/ses/local/signature.py",
        "if abs(self._clock.now() - signed) > self._age_max:",
        "if self._age_max is None:",
        "tests/unit/test_ses_local.py::"
        "test_an_old_signature_is_refused_as_the_fence_against_frozen_senders",
    ),
    _sabotage(
        "200-without-id",
        "an answer of 200 that was cut off counts as accepted",
        CLIENT,
        'failure = OutcomeUnknown("SES answered 200 without a MessageId")',
        'return ""',
        TEST_CLIENT + "test_a_200_without_a_message_id_is_no_success",
    ),
    _sabotage(
        "broken-connection-is-not-sent",
        "a connection that breaks after the request counts as not sent",
        CLIENT,
        'return OutcomeUnknown(f"the connection to SES broke before it answered ({name})")',
        'return NotSent(f"the connection to SES broke before it answered ({name})")',
        TEST_CLIENT + "test_each_fault_has_its_name_and_is_met_by_exactly_one_request"
        "[reset_after_accept-OutcomeUnknown-True]",
    ),
)

_LEDGER = (
    _sabotage(
        "call-without-claim",
        "SES is called before the row says so",
        LEDGER,
        "state=MessageState.DISPATCHING,\n            attempts=message.attempts + 1,",
        "state=message.state,\n            attempts=message.attempts + 1,",
        TEST_SEND + "test_the_row_is_claimed_and_committed_before_ses_is_called[sqlite]",
    ),
    _sabotage(
        "claim-always-succeeds",
        "a claim is given to everybody who asks",
        LEDGER,
        ".where(still_is(message), Message.state == message.state)",
        ".where(Message.id == message.id)",
        TEST_LEDGER + "test_of_many_who_saw_the_same_row_one_may_claim_it[sqlite]",
        TEST_SEND + "test_the_same_order_from_many_threads_at_once_is_one_call[sqlite]",
    ),
    Sabotage(
        name="no-unique-index",
        removes="the ledger has no unique index on enrollment and step",
        changes=(
            Change(
                file="sekvens/messages/tables.py",
                old='UniqueConstraint("enrollment_id", "step_id"),',
                new='Index("ix_messages_of_a_step", "enrollment_id", "step_id"),',
            ),
            Change(
                file=LEDGER,
                old='.on_conflict_do_nothing(index_elements=["enrollment_id", "step_id"])',
                new=".on_conflict_do_nothing()",
            ),
        ),
        tests=(TEST_LEDGER + "test_a_row_is_opened_once_however_many_open_it_at_once[sqlite]",),
        error="MultipleResultsFound",
    ),
    _sabotage(
        "silent-resend",
        "a message that is sent again is not flagged",
        LEDGER,
        "resent_in_doubt=message.resent_in_doubt or in_doubt,",
        "resent_in_doubt=message.resent_in_doubt,",
        TEST_DOUBT + "test_order_mail_in_doubt_is_sent_again_after_the_longer_limit_and_flagged"
        "[sqlite-ses has it]",
    ),
    _sabotage(
        "accepted-is-overwritten",
        "a worker that was frozen overwrites a row that SES has settled as accepted",
        LEDGER,
        "        Message.state.in_((MessageState.PENDING, MessageState.DISPATCHING)),\n",
        "",
        TEST_LEDGER + "test_what_ses_has_settled_no_frozen_worker_gives_back_or_ends[sqlite]",
    ),
    _sabotage(
        "no-patience",
        "what SES answered is lost when the database is away for a moment",
        LEDGER,
        "RECORD_PATIENCE = timedelta(seconds=10)",
        "RECORD_PATIENCE = timedelta(0)",
        TEST_LEDGER + "test_what_nobody_else_knows_is_recorded_when_the_database_comes_back"
        "[sqlite]",
        error="OperationalError",
    ),
    _sabotage(
        "dropped-silently",
        "the end of an enrollment leaves its message without an end",
        LEDGER,
        "(MessageState.PENDING, pending),",
        "",
        TEST_LEDGER + "test_closing_an_enrollment_leaves_no_message_without_an_end[sqlite]",
    ),
)

_LOCK = (
    _sabotage(
        "no-contact-lock",
        "a sender does not hold the contact's lock",
        SEND,
        "                held.enter_context(locks)\n",
        "                assert locks\n",
        TEST_SEND + "test_a_lock_that_cannot_be_had_holds_the_message_back[sqlite]",
        TEST_SEND + "test_the_contacts_lock_is_held_while_ses_is_called[sqlite]",
    ),
    _sabotage(
        "no-advisory-lock",
        "on PostgreSQL a lock is had by whoever asks",
        "sekvens/db/locks.py",
        "        connection.execute(text(statement), keys)\n",
        "        connection.execute(text('SELECT 1'), {})\n",
        "tests/unit/test_locks.py::test_threads_exclude_one_another[postgresql]",
    ),
    _sabotage(
        "no-turn-to-enroll",
        "on PostgreSQL nobody waits for their turn to enter a flow",
        "sekvens/enrollments/enroll.py",
        "    take_turn(session, Turn.ENROLL, contact_id)\n",
        "",
        "tests/unit/test_enroll.py::test_two_who_enroll_a_contact_at_once_make_one_enrollment"
        "[postgresql]",
    ),
    _sabotage(
        "gate-before-the-lock",
        "the gate is asked before the lock only",
        SEND,
        "verdict = _just_merged(order) if merged else self._look(order, published)",
        "verdict = _just_merged(order) if merged else Allowed(recipient=mail.recipient)",
        "tests/unit/test_switches.py::"
        "test_a_stop_between_the_two_looks_is_seen_by_the_second[sqlite]",
    ),
    _sabotage(
        "cap-outside-the-lock",
        "the lock is given back before SES is called, so that the cap is counted outside it",
        SEND,
        "            return self._call(order, claim, verdict, mail=mail, deadline=deadline)\n",
        "            held.close()\n"
        "            return self._call(order, claim, verdict, mail=mail, deadline=deadline)\n",
        "tests/unit/test_gate_calm.py::test_of_many_at_once_one_passes_and_the_others_wait[sqlite]",
    ),
    _sabotage(
        "no-barrier",
        "the reply to a purchase does not wait for an e-mail on its way",
        "sekvens/events/barrier.py",
        "            with database.locks.hold(contact_id, timeout=left):\n",
        "            if left:\n",
        "tests/unit/test_barrier.py::test_the_reply_waits_until_the_sender_has_finished[sqlite]",
    ),
    _sabotage(
        "switch-not-shared",
        "senders do not share the switches, so that `stop` waits for nobody",
        SEND,
        "under = senders_share(order.flow)",
        "under = () if senders_share(order.flow) else ()",
        "tests/unit/test_switch_race.py::"
        "test_a_switch_waits_for_a_message_in_the_middle_of_its_call[sqlite]",
    ),
)

_DOUBT = (
    _sabotage(
        "no-grace",
        "the grace of a message in doubt is nothing",
        DOUBT,
        "self._grace = timedelta(seconds=sending.grace_seconds)",
        "self._grace = timedelta(0)",
        TEST_DOUBT + "test_marketing_in_doubt_is_never_sent_again_and_skipped_after_the_grace"
        "[sqlite-ses has it]",
    ),
    _sabotage(
        "resend-in-silence",
        "marketing is sent again although the stream of events is silent",
        DOUBT,
        "if order.purpose == Purpose.MARKETING or (order.skip and age >= self._resend):",
        "if order.skip and age >= self._resend:",
        TEST_DOUBT + "test_marketing_in_doubt_is_never_sent_again_and_skipped_after_the_grace"
        "[sqlite-ses has it]",
    ),
    _sabotage(
        "silence-is-proof",
        "a stream of events that says nothing proves that a message was not sent",
        "sekvens/feedback/evidence.py",
        "if self._is_alive(session, message.id, since=since, over=over):",
        "if self._is_alive(session, message.id, since=since, over=over) or True:",
        TEST_FEEDBACK + "test_order_mail_in_a_silent_stream_is_held_with_an_alarm_and_sent_again"
        "_flagged[sqlite]",
    ),
    _sabotage(
        "no-last-look-for-the-event",
        "nobody looks, right before a resend, whether SES has told of the message",
        DOUBT,
        "        if not claim.in_doubt:\n            return False\n",
        "        if claim:\n            return False\n",
        TEST_FEEDBACK + "test_an_event_between_the_claim_and_the_call_is_in_time[sqlite]",
    ),
)

_EVENTS = (
    Sabotage(
        name="no-dedup",
        removes="an event that is posted twice happens twice",
        changes=(
            Change(
                file="sekvens/events/ingest.py",
                old="        if event.message_id not in known:\n",
                new="        if event.message_id:\n",
            ),
            Change(
                file="sekvens/events/tables.py",
                old="    message_id: Mapped[str] = mapped_column(unique=True)\n",
                new="    message_id: Mapped[str] = mapped_column(index=True)\n",
            ),
        ),
        tests=("tests/unit/test_ingest.py::test_a_batch_posted_twice_happens_once[sqlite]",),
    ),
    _sabotage(
        "signal-per-event",
        "every event is a signal of its own",
        "sekvens/events/deliveries.py",
        "EVENTS_MAX = 500\n",
        "EVENTS_MAX = 1\n",
        TEST_RELAY + "test_a_flood_of_events_to_one_contact_becomes_few_signals[sqlite]",
    ),
    _sabotage(
        "no-pace",
        "an enrollment is signalled as often as events come",
        "sekvens/events/deliveries.py",
        "\nPACE = timedelta(seconds=1)\n",
        "\nPACE = timedelta(0)\n",
        TEST_RELAY + "test_ordinary_events_keep_the_pace_and_an_exit_event_does_not_wait[sqlite]",
    ),
    _sabotage(
        "exits-keep-the-pace",
        "an exit event waits its turn like any other",
        "sekvens/events/deliveries.py",
        "    pace = URGENT_PACE if urgent else PACE\n",
        "    pace = PACE\n",
        TEST_RELAY + "test_ordinary_events_keep_the_pace_and_an_exit_event_does_not_wait[sqlite]",
    ),
    _sabotage(
        "struck-off-too-early",
        "the relay strikes a delivery off before Temporal has it",
        "sekvens/events/relay.py",
        "            reached(FaultPoint.RELAY_COMMITTED, parcel.contact_id)\n",
        "            self._settle([Receipt(parcel=parcel, delivered_seq=parcel.last_seq)], [])\n",
        TEST_RELAY + "test_what_temporal_refuses_is_kept_and_holds_up_nobody_else[sqlite]",
    ),
    _sabotage(
        "no-high-water-mark",
        "a workflow acts on a delivery that it has had",
        "sekvens/flows/interpreter.py",
        "        if seq <= state.seq:\n",
        "        if seq < 0:\n",
        "tests/unit/test_interpreter.py::test_an_event_that_was_seen_changes_nothing_when_it_comes_again",
    ),
)

_GATE = (
    _sabotage(
        "exit-by-signal-only",
        "a purchase ends an enrollment only once its workflow has been told",
        "sekvens/messages/verdicts.py",
        "        _exited(known)\n        or ",
        "        ",
        "tests/unit/test_gate.py::"
        "test_a_purchase_ends_it_as_soon_as_it_is_committed_though_nobody_has_signalled_it"
        "[sqlite]",
    ),
    _sabotage(
        "no-consent",
        "marketing goes to whom has not agreed to it",
        "sekvens/messages/verdicts.py",
        "        or _forbidden(known, order, graph)\n",
        "",
        "tests/unit/test_gate.py::test_who_took_the_consent_back_leaves_a_flow_of_marketing"
        "[sqlite]",
    ),
    _sabotage(
        "get-unsubscribes",
        "looking at the link unsubscribes, as every mail scanner does",
        "sekvens/web/unsubscribe.py",
        "return await self._pages.answer(request, link, self._look)",
        "return await self._pages.answer(request, link, self._record)",
        "tests/unit/test_unsubscribe.py::test_looking_at_the_link_asks_and_changes_nothing[sqlite]",
    ),
    _sabotage(
        "raw-ratio",
        "the breaker goes by the bare ratio, so that one complaint of few trips it",
        "sekvens/reputation/rates.py",
        "        return lower_bound(self.seen, self.of)\n",
        "        return self.seen / self.of\n",
        "tests/unit/test_reputation.py::"
        "test_one_complaint_never_trips_nor_warns_however_few_the_messages",
    ),
    _sabotage(
        "poison-is-not-parked",
        "an e-mail that cannot be made is tried for ever, and no operator is asked",
        SEND,
        "            return self._park(order, error)\n",
        "            raise error\n",
        "tests/unit/test_send_parking.py::"
        "test_a_message_that_cannot_be_made_parks_with_a_reason_for_the_operator[sqlite]",
        error="TemplateError",
    ),
    _sabotage(
        "24-hours-are-a-day",
        "tomorrow at nine is slept for as 24 hours, whatever the contact's clock does",
        "sekvens/send_time/local_time.py",
        "        if instant is not None and instant >= not_before:\n            return instant\n",
        "        if instant is not None:\n            return not_before + timedelta(hours=24)\n",
        "tests/unit/test_send_time.py::test_stockholm_in_winter_and_in_summer",
    ),
)

_REPORTS = (
    _sabotage(
        "any-topic",
        "whoever has a topic at Amazon may report bounces of ours",
        "sekvens/feedback/sns.py",
        "        if topic_arn not in self._topic_arns:\n",
        "        if topic_arn in ():\n",
        "tests/unit/test_web_sns.py::"
        "test_an_operator_is_told_once_which_topic_posts_where_and_why_in_vain",
    ),
    _sabotage(
        "certificate-from-anywhere",
        "a signing certificate is fetched from wherever a post says that it lies",
        "sekvens/feedback/certificates.py",
        "        return self._certificate.fullmatch(url) is not None\n",
        '        return url != "" or self._certificate is None\n',
        "tests/unit/test_web_sns.py::test_a_certificate_from_elsewhere_is_never_fetched",
    ),
    _sabotage(
        "no-signature",
        "what SNS posts is believed unsigned",
        "sekvens/feedback/sns.py",
        '            raise NotTrusted("its signature does not fit") from None\n',
        "            return\n",
        "tests/unit/test_web_sns.py::test_a_forged_report_changes_nothing",
    ),
    _sabotage(
        "strangers-are-blamed",
        "a report is held against whomever it names",
        "sekvens/feedback/reading.py",
        "if len(about) == 1 and about <= sent_to else None",
        "if len(about) == 1 else None",
        "tests/unit/test_feedback_consequences.py::"
        "test_a_report_that_names_a_stranger_is_held_against_nobody[sqlite]",
    ),
    _sabotage(
        "the-last-report-wins",
        "a delivery that is told late hides a bounce",
        "sekvens/feedback/fates.py",
        "    elif stronger(present, state) == state:\n",
        "    elif stronger(present, state):\n",
        "tests/unit/test_feedback_fates.py::test_any_order_and_any_repetition_comes_to_the_same",
    ),
    _sabotage(
        "our-faults-are-theirs",
        "a receiver that refuses us costs us the contact",
        "sekvens/feedback/kinds.py",
        "    if fault:\n",
        "    if fault and sub is None:\n",
        "tests/unit/test_feedback_consequences.py::"
        "test_what_is_no_fault_of_the_contact_blames_nobody[sqlite-5.7.515]",
    ),
    _sabotage(
        "replies-before-senders-let-go",
        "SES's report is struck off while an e-mail to the contact is still leaving",
        "sekvens/feedback/taking.py",
        "        if intake.contact_ids:\n",
        "        if intake.too_early:\n",
        "tests/unit/test_feedback_consequences.py::"
        "test_nothing_is_taken_out_of_the_queue_before_senders_have_let_go[sqlite]",
    ),
)

SABOTAGES = (*_CALLING_SES, *_LEDGER, *_LOCK, *_DOUBT, *_EVENTS, *_GATE, *_REPORTS)

#: The quickest, of three kinds: what `make test` really does.
QUICK = ("claim-always-succeeds", "gate-before-the-lock", "24-hours-are-a-day")
