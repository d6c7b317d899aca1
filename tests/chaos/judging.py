"""The judge: what SES took, by its own log, against what was due and what our ledger says of it.

The invariant: SES's log is the truth. It is written by another process, before SES answers, and
nothing can change a row of it; the ledger is one of the accused.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sekvens.enrollments import queries
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.ses.local.store import Accepted, read_log
from tests.e2e.stack import Stack, address_of

TERMINAL = frozenset({MessageState.ACCEPTED, MessageState.SKIPPED})


@dataclass(frozen=True, kw_only=True)
class Due:
    """A message that a contact was to get, as the test knows it: whatever dies, it has an end."""

    contact_id: str
    recipient: str
    flow: str
    step: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of some messages. Verdicts add up."""

    sends: int = 0  #: that SES took
    duplicates: int = 0  #: of them, second ones of the same message, or of what was due once
    #: due without an end in the ledger; accepted, says the ledger, and SES has it not; and, while
    #: the stream of events lives, due and not in SES's log
    lost: int = 0
    silent: int = 0  #: taken by SES, and the ledger does not tell of it: never allowed
    flagged: int = 0  #: rows of the ledger that own up to a second attempt (`resent_in_doubt`)
    unknown: int = 0  #: rows of the ledger that were given up as `outcome_unknown`

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(
            **{each.name: getattr(self, each.name) + getattr(other, each.name)
               for each in fields(self)}
        )  # fmt: skip

    def facts(self) -> dict[str, int]:
        """Give the numbers as `verdicts.record` takes them."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def broken(self, purpose: str, *, stream_is_alive: bool = True) -> list[str]:
        """List what of the promise was broken (docs/message-lifecycle.md); empty: it was kept.

        Duplicates are allowed to order mail while the stream is silent, and none of them unflagged.
        """
        once = purpose == Purpose.MARKETING or stream_is_alive
        never = {"lost": self.lost, "silent": self.silent}
        if once:
            never["duplicates"] = self.duplicates
        return [f"{count} {name}" for name, count in never.items() if count]


def weigh(
    log: Iterable[Accepted],
    rows: Iterable[Message],
    due: Collection[Due] = (),
    *,
    stream_is_alive: bool = True,
) -> Verdict:
    """Judge some messages.

    Args:
        log: What SES took of them; probes are left out.
        rows: What the ledger says of them.
        due: What was due for certain, each once, and nothing had forbidden. Rows are due by
            themselves: this finds what has no row, and what was sent under two rows.
        stream_is_alive: Whether SES's events came through while these messages were settled.
    """
    taken = [each for each in log if "probe" not in each.tags]
    times = Counter(each.tags.get("message_id", "") for each in taken)
    ledger = {row.id: row for row in rows}
    duplicates = sum(count - 1 for count in times.values())
    silent = sum(max(0, count - _told(ledger.get(which))) for which, count in times.items())
    for each in due:
        under = {mail.tags.get("message_id", "") for mail in taken if _is_of(mail, each)}
        duplicates += max(0, len(under) - 1)
        silent += max(0, len(under) - 1)
    lost = {row.id for row in ledger.values()
            if _is_lost(row, times, stream_is_alive=stream_is_alive)}  # fmt: skip
    missing = sum(_is_missing(each, ledger.values(), times, lost, stream_is_alive=stream_is_alive)
                  for each in due)  # fmt: skip
    return Verdict(
        sends=len(taken),
        duplicates=duplicates,
        lost=len(lost) + missing,
        silent=silent,
        flagged=sum(row.resent_in_doubt for row in ledger.values()),
        unknown=sum(row.skip_reason == SkipReason.OUTCOME_UNKNOWN for row in ledger.values()),
    )


def judged(
    stack: Stack,
    *user_ids: str,
    due: Sequence[tuple[str, str]] = (),
    purpose: str | None = None,
    stream_is_alive: bool = True,
) -> Verdict:
    """Judge every message to these contacts on a stack; its services may be dead.

    Args:
        stack: Its database and the folder of its local SES are read.
        user_ids: The shop's ids, whose addresses are `address_of` them.
        due: (flow, step) of what each of them was to get for certain, once.
        purpose: Judge only messages of this purpose.
        stream_is_alive: As for `weigh`.
    """
    contacts = contacts_of(stack, user_ids)
    rows = [row for row in stack.ledger() if row.contact_id in contacts]
    others = {row.id for row in rows if purpose not in (None, row.purpose)}
    addresses = set(contacts.values())
    log = [
        each
        for each in ses_log(stack)
        if addresses & set(each.recipients) and each.tags.get("message_id") not in others
    ]
    expected = [
        Due(contact_id=contact_id, recipient=address, flow=flow, step=step)
        for contact_id, address in contacts.items()
        for flow, step in due
    ]
    kept = [row for row in rows if row.id not in others]
    return weigh(log, kept, expected, stream_is_alive=stream_is_alive)


def contacts_of(stack: Stack, user_ids: Sequence[str]) -> Mapping[str, str]:
    """Find contacts by the shop's ids: our id of each, and its address; who is unknown is a bug."""
    with stack.database.read() as session:
        found = {user_id: queries.find_contact(session, user_id) for user_id in user_ids}
    unknown = [user_id for user_id, contact in found.items() if contact is None]
    assert not unknown, f"not known as contacts: {unknown}"
    return {contact.id: address_of(user_id) for user_id, contact in found.items() if contact}


def ses_log(stack: Stack) -> list[Accepted]:
    """Read SES's own log from its file."""
    return read_log(stack.site.data / "ses")


def unheard(told: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Name the messages of which no Send event could ever arrive, by `GET /_local/events`."""
    copies: Counter[str] = Counter()
    for each in told:
        copies[each["message_id"]] += each["copies"]
    return frozenset(which for which, count in copies.items() if count == 0)


def _told(row: Message | None) -> int:
    """Count the messages at SES that a row owns up to."""
    if row is None or row.state == MessageState.PENDING:
        return 0
    if row.state == MessageState.SKIPPED and row.skip_reason != SkipReason.OUTCOME_UNKNOWN:
        return 0
    return row.attempts if row.resent_in_doubt else 1


def _is_lost(row: Message, times: Mapping[str, int], *, stream_is_alive: bool) -> bool:
    if row.state not in TERMINAL:
        return True
    if times.get(row.id, 0):
        return False
    unknown = row.skip_reason == SkipReason.OUTCOME_UNKNOWN
    return row.state == MessageState.ACCEPTED or (unknown and stream_is_alive)


def _is_missing(
    due: Due,
    rows: Iterable[Message],
    times: Mapping[str, int],
    lost: Collection[str],
    *,
    stream_is_alive: bool,
) -> bool:
    """Tell whether something due has no row, or was dropped; what is lost already is not."""
    wanted = (due.contact_id, due.flow, due.step)
    mine = [row for row in rows if (row.contact_id, row.flow, row.step_id) == wanted]
    if any(row.id in lost for row in mine):
        return False
    if any(times.get(row.id, 0) for row in mine):
        return False
    given_up = any(row.skip_reason == SkipReason.OUTCOME_UNKNOWN for row in mine)
    return stream_is_alive or not given_up


def _is_of(mail: Accepted, due: Due) -> bool:
    where = (mail.tags.get("flow"), mail.tags.get("step"))
    return due.recipient in mail.recipients and where == (due.flow, due.step)
