"""The judge of every chaos suite can find what it looks for: the tests are tested."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sekvens.messages.tables import Message, MessageState
from sekvens.ses.local.store import Accepted
from tests.chaos.judging import Due, Verdict, unheard, weigh

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HELLO = Due(contact_id="c-1", recipient="anna@example.com", flow="welcome", step="hello")


def mail(message_id: str, **changes: Any) -> Accepted:
    tags = {"message_id": message_id, "flow": "welcome", "step": "hello"}
    accepted = Accepted(
        sequence=1, id="ses-1", accepted_at=NOON, sender="shop@example.com",
        recipients=("anna@example.com",), tags=tags, configuration_set="", marked="", raw=b"",
    )  # fmt: skip
    return replace(accepted, **changes)


def row(message_id: str, state: MessageState = MessageState.ACCEPTED, **more: Any) -> Message:
    given = {"attempts": 1, "resent_in_doubt": False} | more
    return Message(
        id=message_id, contact_id="c-1", flow="welcome", step_id="hello", state=state, **given
    )


def test_what_ses_took_once_and_the_ledger_knows_is_well() -> None:
    verdict = weigh([mail("m-1")], [row("m-1")], [HELLO])

    assert verdict == Verdict(sends=1)
    assert verdict.broken("marketing") == []


def test_a_second_message_is_found_and_is_silent_unless_its_row_is_flagged() -> None:
    twice = [mail("m-1"), mail("m-1")]
    silent = weigh(twice, [row("m-1")], [HELLO])
    flagged = weigh(twice, [row("m-1", attempts=2, resent_in_doubt=True)], [HELLO])

    assert silent == Verdict(sends=2, duplicates=1, silent=1)
    assert flagged == Verdict(sends=2, duplicates=1, flagged=1)
    assert silent.broken("transactional", stream_is_alive=False) == ["1 silent"]
    assert flagged.broken("transactional", stream_is_alive=False) == []
    assert flagged.broken("transactional") == flagged.broken("marketing") == ["1 duplicates"]


def test_a_flag_covers_no_more_messages_than_there_were_attempts() -> None:
    flagged = row("m-1", attempts=2, resent_in_doubt=True)

    assert weigh([mail("m-1")] * 3, [flagged]) == Verdict(
        sends=3, duplicates=2, silent=1, flagged=1
    )


def test_the_same_e_mail_under_two_rows_is_a_silent_second_one() -> None:
    verdict = weigh([mail("m-1"), mail("m-2")], [row("m-1"), row("m-2")], [HELLO])

    assert (verdict.duplicates, verdict.silent) == (1, 1)


def test_what_ses_took_and_the_ledger_does_not_tell_of_is_silent() -> None:
    skipped = row("m-1", MessageState.SKIPPED, skip_reason="filter")
    pending = row("m-1", MessageState.PENDING)

    assert [weigh([mail("m-1")], rows).silent for rows in ([], [skipped], [pending])] == [1, 1, 1]


def test_a_message_without_an_end_is_lost() -> None:
    for state in (MessageState.PENDING, MessageState.DISPATCHING):
        for log in ([], [mail("m-1")]):
            assert weigh(log, [row("m-1", state)], [HELLO], stream_is_alive=False).lost == 1


def test_what_was_due_and_has_no_row_is_lost() -> None:
    assert weigh([], [], [HELLO], stream_is_alive=False).lost == 1


def test_what_the_ledger_calls_accepted_and_ses_does_not_have_is_lost_once() -> None:
    assert weigh([], [row("m-1")], [HELLO], stream_is_alive=False).lost == 1


def test_what_was_given_up_is_lost_only_while_the_stream_lives() -> None:
    rows = [row("m-1", MessageState.SKIPPED, skip_reason="outcome_unknown")]

    assert weigh([], rows, [HELLO]).lost == 1
    assert weigh([], rows, [HELLO], stream_is_alive=False) == Verdict(unknown=1)
    assert weigh([mail("m-1")], rows, [HELLO]) == Verdict(sends=1, unknown=1)


def test_what_was_refused_is_lost_only_if_it_was_due_for_certain() -> None:
    rows = [row("m-1", MessageState.SKIPPED, skip_reason="exited")]

    assert weigh([], rows).lost == 0
    assert weigh([], rows, [HELLO]).lost == 1


def test_probes_are_nobodys_mail() -> None:
    assert weigh([mail("p-1", tags={"message_id": "p-1", "probe": "yes"})], []) == Verdict()


def test_verdicts_add_up() -> None:
    assert Verdict(sends=1, lost=1) + Verdict(sends=2, silent=1) == Verdict(
        sends=3, lost=1, silent=1
    )


def test_a_message_is_unheard_when_every_event_of_it_was_lost() -> None:
    told = [
        {"message_id": "m-1", "copies": 0},
        {"message_id": "m-2", "copies": 0},
        {"message_id": "m-2", "copies": 1},
    ]

    assert unheard(told) == {"m-1"}
