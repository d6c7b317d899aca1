"""Why a contact got an e-mail, or did not: one reason for each message of a flow.

Composed from committed facts alone: the ledger's verdict, where the enrollment stands or how it
ended, and, of a flow that they were never in, what kept them out (`why_entry`). Nothing is written
and nothing is guessed: what the facts do not say any more is told as that. Times are shop time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.consent import MARKETING
from sekvens.contacts.person import Person
from sekvens.contacts.tables import ConsentChange, Suppression
from sekvens.enrollments.publish import live_flows, pinned_flow
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.errors import UnknownFlow
from sekvens.experiments.drawing import kept_variant
from sekvens.feedback.fates import FateState
from sekvens.feedback.queries import fates_of
from sekvens.feedback.tables import MessageFate
from sekvens.flows.graph import Graph, branches
from sekvens.flows.lots import name_of
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitFlow, ExitReason, Experiment, Send
from sekvens.flows.survey import variants_around
from sekvens.messages.calm import HoldReason
from sekvens.messages.holds import HeldBy
from sekvens.messages.tables import Message, MessageState
from sekvens.messages.verdicts import why_held
from sekvens.messages.why_entry import Because, failing, why_not_in

__all__ = ["Because", "OfFlow", "OfMessage", "why", "why_of_flow"]

#: What the ledger says of a message that waits at the gate -> what it waits for.
_HELD: Final = {why_held(each): str(each) for each in (*HoldReason, *HeldBy)}
#: Fates of a message that nobody found in their inbox.
_LOST: Final = frozenset(
    {FateState.BOUNCED, FateState.SOFT_BOUNCED, FateState.FAILED, FateState.REJECTED}
)


@dataclass(frozen=True, kw_only=True)
class OfMessage:
    """One e-mail of a flow: whether the contact got it, and why, or why not."""

    step: str
    got: bool | None  #: None: that is not settled yet
    because: Because
    message_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class OfFlow:
    """One flow: whether the contact is or was in it, why, and each of its e-mails."""

    flow: str
    because: Because
    enrollment: Enrollment | None = None  #: the newest, whose messages are told
    entries: int = 0  #: how often they have entered
    messages: Sequence[OfMessage] = field(default_factory=tuple)


def why(
    session: Session, person: Person, *, now: datetime, shop_time: ShopTime
) -> tuple[list[OfFlow], list[OfFlow]]:
    """Tell of each flow why a person got its e-mails, or did not, at `now` (shop time).

    First the flows that they are or were in, the one entered last first; then those that take
    people now and never took them.
    """
    entered = _entries(session, person)
    inside = [_of_enrollments(session, person, rows, shop_time) for rows in entered.values()]
    outside = [
        OfFlow(
            flow=each.flow.name,
            because=why_not_in(session, each.flow, person, now=now, shop_time=shop_time),
        )
        for each in live_flows(session)
        if each.flow.name not in entered
    ]
    return inside, outside


def why_of_flow(
    session: Session, flow: str, person: Person, *, now: datetime, shop_time: ShopTime
) -> OfFlow:
    """Tell of one flow why a person got its e-mails, or did not, at `now` (shop time).

    Raises:
        UnknownFlow: they were never in it, and nobody may enter it.
    """
    rows = _entries(session, person).get(flow)
    if rows:
        return _of_enrollments(session, person, rows, shop_time)
    live = next((each for each in live_flows(session) if each.flow.name == flow), None)
    if live is None:
        raise UnknownFlow(
            f"nobody may enter {flow!r} now; `starter.py flows list` shows the flows that there are"
        )
    because = why_not_in(session, live.flow, person, now=now, shop_time=shop_time)
    return OfFlow(flow=flow, because=because)


def _entries(session: Session, person: Person) -> dict[str, list[Enrollment]]:
    """List a person's enrollments by flow, the newest first."""
    query = select(Enrollment).where(Enrollment.contact_id.in_(person.ids))
    found: dict[str, list[Enrollment]] = {}
    for row in session.scalars(query.order_by(Enrollment.started_at.desc(), Enrollment.id.desc())):
        found.setdefault(row.flow, []).append(row)
    return found


def _of_enrollments(
    session: Session, person: Person, rows: Sequence[Enrollment], shop_time: ShopTime
) -> OfFlow:
    newest = rows[0]
    return OfFlow(
        flow=newest.flow,
        because=_stay(newest),
        enrollment=newest,
        entries=len(rows),
        messages=_Passage(session, person, newest, shop_time).messages(),
    )


def _stay(row: Enrollment) -> Because:
    """Tell how an enrollment stands, or why it ended."""
    if row.state == EnrollmentState.ENDED:
        return Because(key="left", at=row.ended_at, reason=row.exit_reason or "")
    if row.exit_owed is not None:
        return Because(key="leaving", reason=row.exit_owed)
    if row.state == EnrollmentState.PARKED:
        return Because(key="parked", step=row.step_id, reason=row.parked_code or "")
    return Because(key="under_way", at=row.started_at, step=row.step_id, until=row.next_send_at)


@dataclass(frozen=True)
class _Passage:
    """One enrollment, and what became of each of its e-mails."""

    session: Session
    person: Person
    row: Enrollment
    shop_time: ShopTime

    def messages(self) -> list[OfMessage]:
        """Tell of each e-mail of its version, in the flow's order."""
        try:
            graph = pinned_flow(self.session, self.row.flow, self.row.flow_version).graph
        except UnknownFlow:  # a restored database need not have it
            return []
        query = select(Message).where(Message.enrollment_id == self.row.id)
        written = {each.step_id: each for each in self.session.scalars(query)}
        fates = fates_of(self.session, [each.id for each in written.values()])
        sends = (step for step in graph.steps.values() if isinstance(step, Send))
        return [
            self._written(written[step.id], fates.get(written[step.id].id), graph)
            if step.id in written
            else self._unwritten(step, written, graph)
            for step in sends
        ]

    def _written(self, message: Message, fate: MessageFate | None, graph: Graph) -> OfMessage:
        """Tell what the ledger says of a message."""
        match message.state:
            case MessageState.ACCEPTED:
                state = FateState(fate.state) if fate else None
                because = Because(key=f"sent.{state or 'accepted'}", at=message.sent_on)
                got: bool | None = state not in _LOST
            case MessageState.SKIPPED:
                because, got = self._skipped(message, graph), False
            case MessageState.PENDING:
                because, got = self._waits(message), None
            case _:
                because, got = Because(key="in_doubt", at=self._shop(message.dispatched_at)), None
        return OfMessage(step=message.step_id, got=got, because=because, message_id=message.id)

    def _skipped(self, message: Message, graph: Graph) -> Because:
        at = self._shop(message.claimed_at)
        key = f"skipped.{message.skip_reason}"
        match message.skip_reason:
            case SkipReason.EXITED:
                reason = self.row.exit_reason or self.row.exit_owed or ""
                return Because(key=key, at=at, reason=reason)
            case SkipReason.NO_CONSENT:
                return Because(key=key, at=at, reason=self._consent_at(at))
            case SkipReason.SUPPRESSED:
                return Because(key=key, at=at, reason=self._suppression())
            case SkipReason.FILTER:
                asked = (*graph.asked_before_a_send(), *graph.flow.stay_while)
                found = failing(
                    self.session, asked, self.person, now=at or self.row.started_at,
                    entry_key=self.row.entry_key,
                )  # fmt: skip
                return Because(key=key if found else f"{key}.then", at=at, condition=found)
            case SkipReason.REJECTED:
                return Because(key=key, at=at, reason=message.note or "")
            case _:
                return Because(key=key, at=at)

    def _waits(self, message: Message) -> Because:
        held = _HELD.get(message.note or "")
        if held is None:
            key = "waits" if message.note else "about_to_leave"
            return Because(key=key, reason=message.note or "", until=self.row.next_send_at)
        return Because(key=f"held.{held}", until=self.row.next_send_at)

    def _unwritten(self, step: Send, written: Mapping[str, Message], graph: Graph) -> OfMessage:
        """Tell why a message was never begun: not yet, not on this way, or not any more."""
        row = self.row
        untold = step.retells is not None and not _has_left(written.get(step.retells))
        has_ended = row.state == EnrollmentState.ENDED or row.exit_owed is not None
        is_ahead = not has_passed(graph, row.step_id, step.id)
        if row.exit_reason == ExitReason.COMPLETED:
            is_ahead = False
        if has_ended and is_ahead:
            reason = row.exit_reason or row.exit_owed or ""
            because = Because(key="left_before", at=row.ended_at, step=row.step_id, reason=reason)
        elif not is_ahead and untold:
            because = Because(key="not_retold", step=step.retells)
        elif not is_ahead:
            because = self._other_way(step, graph)
        else:
            stay = _stay(row)
            key = "parked" if stay.key == "parked" else "not_yet"
            because = Because(key=key, step=row.step_id, reason=stay.reason, until=row.next_send_at)
        got = None if because.key in ("not_yet", "parked") else False
        return OfMessage(step=step.id, got=got, because=because)

    def _other_way(self, step: Send, graph: Graph) -> Because:
        """Tell where the way parted: by lot, if that is known, else at the step around it."""
        for experiment, variant in variants_around(graph.flow.steps).get(step.id, ()):
            around = graph.steps[experiment]
            assert isinstance(around, Experiment)  # noqa: S101  that is what it says
            name = name_of(graph.flow.name, around)
            drawn = kept_variant(self.session, name, self.person.ids[0])
            if drawn is not None and drawn != variant:
                return Because(key="other_variant", step=experiment, reason=drawn)
        fork = _fork_around(graph, step.id)
        return Because(key="other_way" if fork else "passed", step=fork)

    def _consent_at(self, at: datetime | None) -> str:
        query = select(ConsentChange.status).where(
            ConsentChange.contact_id.in_(self.person.ids),
            ConsentChange.purpose == MARKETING,
            ConsentChange.at <= (at or self.row.started_at),
        )
        return self.session.scalar(query.order_by(ConsentChange.at.desc()).limit(1)) or ""

    def _suppression(self) -> str:
        query = select(Suppression.reason).where(
            Suppression.address_hash.in_(self.person.address_keys)
        )
        return self.session.scalar(query.limit(1)) or ""

    def _shop(self, wall: datetime | None) -> datetime | None:
        return None if wall is None else self.shop_time.at(wall)


def has_passed(graph: Graph, standing: str | None, step_id: str) -> bool:
    """Tell whether no way leads on to a step from where an enrollment stands; None: its start."""
    todo: list[str | None] = [standing if standing in graph.steps else graph.first]
    seen: set[str] = set()
    while todo:
        here = todo.pop()
        if here is None or here in seen:
            continue
        seen.add(here)
        step = graph.steps[here]
        if not isinstance(step, ExitFlow):
            todo += [graph.following[here], *(graph.enter(way, here) for way in branches(step))]
    return step_id not in seen


def _has_left(message: Message | None) -> bool:
    return message is not None and message.state == MessageState.ACCEPTED


def _fork_around(graph: Graph, step_id: str) -> str | None:
    """Name the innermost step in one of whose branches a step stands."""
    for step in graph.steps.values():
        if any(inner.id == step_id for branch in branches(step) for inner in branch):
            return step.id
    return None
