"""How mail has fared over periods, held against what SES and Gmail bear."""

from datetime import timedelta

import pytest

from sekvens.db.session import Database
from sekvens.feedback.kinds import ReportKind
from sekvens.feedback.tables import Feedback
from sekvens.reputation.periods import LIMITS, Fared, Receiver, Standing, fared
from sekvens.reputation.rates import Kind
from tests.unit.sending import PostOffice, mixed
from tests.unit.test_reputation import MARKETING, TRANSACTIONAL, ledger_row

DAY = timedelta(days=1)


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database, flow=mixed())


def accept(office: PostOffice, name: str, **more: object) -> None:
    with office.database.write() as session:
        session.add(ledger_row(office, name, more.pop("purpose", MARKETING)))  # type: ignore[arg-type]


def report(office: PostOffice, number: int, message: str, kind: ReportKind, **more: str) -> None:
    now = office.clock.now()
    with office.database.write() as session:
        session.add(
            Feedback(
                id=f"f-{number}", type="Bounce", message_id=message, is_ours=True, at=now,
                read_at=now, raw={}, kind=kind, detail=more.get("detail"),
            )
        )  # fmt: skip


def since(office: PostOffice, *days: int) -> list[Fared]:
    now = office.clock.now()
    with office.database.read() as session:
        return fared(session, [now - each * DAY for each in days])


def test_each_period_has_its_own_messages_and_what_became_of_them(office: PostOffice) -> None:
    accept(office, "m-old")
    office.later(10 * DAY)
    accept(office, "m-new")
    accept(office, "m-order", purpose=TRANSACTIONAL)
    report(office, 1, "m-old", ReportKind.BOUNCED)
    report(office, 2, "m-new", ReportKind.COMPLAINED)
    report(office, 3, "m-new", ReportKind.COMPLAINED)

    week, month = since(office, 7, 30)
    assert week == Fared(accepted=2, seen={Kind.BOUNCE: 0, Kind.COMPLAINT: 1})
    assert month == Fared(accepted=3, seen={Kind.BOUNCE: 1, Kind.COMPLAINT: 1})


def test_what_ses_does_not_count_is_not_counted(office: PostOffice) -> None:
    accept(office, "m-1")
    report(office, 1, "m-1", ReportKind.BOUNCED, detail="Permanent/OnAccountSuppressionList")
    report(office, 2, "m-1", ReportKind.SOFT_BOUNCED)

    assert since(office, 7)[0].share(Kind.BOUNCE) == 0


def test_of_nothing_there_is_no_rate(office: PostOffice) -> None:
    assert since(office, 7)[0].share(Kind.BOUNCE) is None
    assert since(office, 7)[0].accepted == 0


@pytest.mark.parametrize(
    ("receiver", "kind", "share", "standing"),
    [
        (Receiver.SES, Kind.BOUNCE, 0.0499, Standing.FINE),
        (Receiver.SES, Kind.BOUNCE, 0.05, Standing.HIGH),
        (Receiver.SES, Kind.BOUNCE, 0.10, Standing.OVER),
        (Receiver.SES, Kind.COMPLAINT, 0.001, Standing.HIGH),
        (Receiver.SES, Kind.COMPLAINT, 0.005, Standing.OVER),
        (Receiver.GMAIL, Kind.COMPLAINT, 0.001, Standing.HIGH),
        (Receiver.GMAIL, Kind.COMPLAINT, 0.003, Standing.OVER),
        (Receiver.GMAIL, Kind.COMPLAINT, None, Standing.FINE),
    ],
)
def test_where_the_receivers_limits_lie(
    receiver: Receiver, kind: Kind, share: float | None, standing: Standing
) -> None:
    [limit] = [each for each in LIMITS if (each.receiver, each.kind) == (receiver, kind)]

    assert limit.standing(share) == standing
