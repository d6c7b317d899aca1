"""Mending what one of two stores has lost: by hand-made passages, on both databases."""

from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import select

from sekvens.contacts.tables import Consent
from sekvens.db.session import Database
from sekvens.enrollments import names
from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState
from sekvens.enrollments.temporal import ClientStarter, SignalOutcome
from sekvens.enrollments.wire import EnrollmentInput, EventsSignal
from sekvens.flows.codec import to_json
from sekvens.flows.outcomes import Deferred, InDoubt, Outcome, Sent, Skipped, SkipReason
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason
from sekvens.messages.tables import Message, MessageState
from sekvens.restoring.differences import Difference, Kind, _kinds
from sekvens.restoring.mending import Mender
from sekvens.restoring.passages import Executions, Passage, Turn
from tests.unit.ingesting import NOON
from tests.unit.sending import PostOffice


class Temporal:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.signals: list[EventsSignal] = []

    async def tell(self, workflow_id: str, word: str) -> SignalOutcome:
        self.told.append(f"{workflow_id} {word}")
        return SignalOutcome.TAKEN

    async def signal(self, _workflow_id: str, signal: EventsSignal) -> SignalOutcome:
        self.signals.append(signal)
        return SignalOutcome.TAKEN


class Restored(PostOffice):
    """A database of which one enrollment is told by Temporal."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.temporal = Temporal()
        self.mender = Mender(
            database=database,
            starter=cast("ClientStarter", self.temporal),
            clock=self.clock,
            shop_time=ShopTime(),
        )

    def told(
        self,
        *outcomes: Outcome,
        whose: str = "e-1",
        seq: int = 0,
        left: ExitReason | None = None,
        **order: str,
    ) -> tuple[Executions, Passage]:
        """What Temporal says: outcomes of the step `hello`, and whether it is over."""
        flow = self.published.flow
        hello = replace(self.order(), enrollment_id=whose, **order)
        executions = Executions(
            enrollment_id=whose,
            workflow_id=f"{flow.name}/{self.contact_id}/k1",
            run_ids=("r",),
            is_open=left is None,
            exit_reason=left or ExitReason.CANCELLED,
            closed_at=None if left is None else NOON,
        )
        pinned = EnrollmentInput(
            enrollment_id=whose, contact_id=self.contact_id, flow=to_json(flow), started_at=NOON
        )
        turns = tuple(Turn(order=hello, outcome=outcome, at=NOON) for outcome in outcomes[-1:])
        return executions, Passage(pinned=pinned, seq=seq, turns=turns)

    def kinds(self, executions: Executions, passage: Passage) -> list[Kind]:
        with self.database.read() as session:
            row = session.get(Enrollment, executions.enrollment_id)
            return [*_kinds(session, row, executions, passage)]

    async def mend(self, executions: Executions, passage: Passage) -> list[Kind]:
        """Mend all that differs, twice; tell what it was, and see that nothing is left here."""
        found = self.kinds(executions, passage)
        for kind in found * 2:
            await self.mender.mend(
                Difference(
                    kind=kind,
                    enrollment_id=executions.enrollment_id,
                    workflow_id=executions.workflow_id,
                    executions=executions,
                    passage=passage,
                )
            )
        return found


@pytest.fixture
def office(database: Database) -> Restored:
    return Restored(database)


async def test_a_message_that_only_temporal_knows_is_not_sent_again(office: Restored) -> None:
    told = office.told(Deferred(until=NOON, reason="x"), Sent(message_id="m-there"))

    assert await office.mend(*told) == [Kind.SENT_THERE]
    assert isinstance(office.send(), Sent)
    assert office.ses.accepted == []
    assert (office.message().id, office.message().state) == ("m-there", MessageState.ACCEPTED)
    assert office.kinds(*told) == []


@pytest.mark.parametrize(
    ("purpose", "kinds"), [("marketing", [Kind.SENT_THERE]), ("transactional", [])]
)
async def test_marketing_in_doubt_is_given_up_and_order_mail_is_not(
    office: Restored, purpose: str, kinds: list[Kind]
) -> None:
    assert await office.mend(*office.told(InDoubt(until=NOON), purpose=purpose)) == kinds
    if kinds:
        assert office.message().skip_reason == SkipReason.OUTCOME_UNKNOWN
        assert office.message().sent_on == NOON  # it counts as one that the contact has had


async def test_an_enrollment_that_only_temporal_knows_is_written_down(office: Restored) -> None:
    told = office.told(Skipped(reason=SkipReason.STALE), whose="e-2", seq=7)

    assert await office.mend(*told) == [Kind.UNKNOWN_HERE]
    row = office.enrollment("e-2")
    assert (row.flow, row.entry_key, row.state) == ("letters", "k1", EnrollmentState.ACTIVE)
    assert (row.last_seq, row.delivered_seq, row.due_at) == (7, 7, None)
    assert office.kinds(*told) == []


async def test_who_had_left_leaves_here_and_who_unsubscribed_has(office: Restored) -> None:
    told = office.told(Sent(message_id="m-x"), left=ExitReason.UNSUBSCRIBED)

    assert await office.mend(*told) == [Kind.SENT_THERE, Kind.ENDED_THERE]
    assert office.enrollment().exit_reason == "unsubscribed"
    with office.database.read() as session:
        statuses = session.scalars(select(Consent.status)).all()
    assert "unsubscribed" in statuses
    assert "subscribed" not in statuses


async def test_who_is_over_here_is_told_so_there_with_the_reason(office: Restored) -> None:
    with office.database.write() as session:
        row = session.get_one(Enrollment, "e-1")
        row.state, row.exit_reason, row.last_seq = EnrollmentState.ENDED, "converted", 4
    found = await office.mend(*office.told(seq=2))
    [event] = office.temporal.signals[0].events

    assert found == [Kind.ENDED_HERE]
    assert (event.seq, event.exit_reason) == (5, ExitReason.CONVERTED)


async def test_a_contact_whom_nobody_knows_any_more_is_let_go(office: Restored) -> None:
    executions, passage = office.told(whose="e-9")
    passage = replace(passage, pinned=replace(passage.pinned, contact_id="c-nobody"))

    assert await office.mend(executions, passage) == [Kind.NOBODY_HERE]
    assert office.temporal.told[0].endswith(names.EXIT_SIGNAL)
    with office.database.read() as session:
        assert session.get(Enrollment, "e-9") is None


async def test_events_get_numbers_that_temporal_has_not_seen(office: Restored) -> None:
    deliveries(office, delivered=1, last=3)

    assert await office.mend(*office.told(seq=9)) == [Kind.HEARD_THERE]
    row = office.enrollment()
    assert (row.last_seq, row.delivered_seq, row.due_at) == (9, 9, None)


async def test_events_that_temporal_has_lost_are_owed_again(office: Restored) -> None:
    deliveries(office, delivered=3, last=3)

    assert await office.mend(*office.told(seq=1)) == [Kind.UNHEARD_THERE]
    row = office.enrollment()
    assert (row.last_seq, row.delivered_seq, row.due_at) == (3, 1, office.clock.now())
    with office.database.read() as session:
        owed = select(Delivery.seq).where(Delivery.delivered_at.is_(None)).order_by(Delivery.seq)
        assert session.scalars(owed).all() == [2, 3]


async def test_an_enrollment_that_temporal_has_lost_is_owed_its_start(office: Restored) -> None:
    deliveries(office, delivered=3, last=3)
    office.later(timedelta(hours=1))
    gone = Difference(kind=Kind.GONE_THERE, enrollment_id="e-1", workflow_id="w")
    for _ in range(2):
        await office.mender.mend(gone)

    row = office.enrollment()
    assert (row.delivered_seq, row.due_at) == (-1, office.clock.now())
    with office.database.read() as session:
        assert session.get(Delivery, ("e-1", 0)) is not None


def deliveries(office: Restored, *, delivered: int, last: int) -> None:
    with office.database.write() as session:
        row = session.get_one(Enrollment, "e-1")
        row.last_seq, row.delivered_seq = last, delivered
        for seq in range(1, last + 1):
            at = NOON if seq <= delivered else None
            session.add(
                Delivery(enrollment_id="e-1", seq=seq, message_id=f"x-{seq}", matched=[],
                         urgent=False, created_at=NOON, delivered_at=at)
            )  # fmt: skip


def test_a_message_of_another_step_is_none_of_this_ones(office: Restored) -> None:
    office.send()
    accepted = office.message()

    assert office.kinds(*office.told(Sent(message_id="m-other"))) == []
    with office.database.read() as session:
        assert session.scalars(select(Message.id)).all() == [accepted.id]
