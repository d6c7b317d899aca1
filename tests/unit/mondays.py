"""The Monday mail in a test: a shop with a week behind it, and staff who want to hear of it."""

from datetime import UTC, date, datetime

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.metrics.tables import MetricCount, MetricMark
from sekvens.ses.testing import FakeSes
from sekvens.settings import Settings, load_settings
from sekvens.staff import accounts
from sekvens.staff.monday.posting import MondayPost
from sekvens.staff.tables import Role
from tests.unit.staffing import PASSWORD

#: A Wednesday of ISO week 10: what is told of is week 9, from 23 February.
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
THIS_WEEK, LAST, BEFORE = date(2026, 3, 2), date(2026, 2, 25), date(2026, 2, 18)
ADDRESS = "doris.maj@shop.example"


def settings(**environ: str) -> Settings:
    given = {"SENDING__PRODUCTION": "true"} | environ
    return load_settings({f"SEKVENS_{name}": value for name, value in given.items()})


def subscriber(
    database: Database, name: str = "doris", *, email: str = ADDRESS, language: str = "sv"
) -> None:
    with database.write() as session:
        accounts.add(session, name, role=Role.VIEWER, password=PASSWORD, now=NOW)
        accounts.write_to(session, name, email=email, language=language, monday=True)


def earns(database: Database, flow: str, amount: int, day: date = LAST, *, orders: int = 3) -> None:
    with database.write() as session:
        session.add(MetricCount(day=day, name="order_by_email", flow=flow, detail="first",
                                n=orders, amount=amount * 100))  # fmt: skip


def counted(database: Database) -> None:
    with database.write() as session:
        session.add(MetricMark(name="facts", through_at=NOW, through_id=0))


class Office:
    """What writes to the staff, with an SES that can fail."""

    def __init__(self, database: Database, **environ: str) -> None:
        self.database = database
        self.ses = FakeSes()
        self.clock = FrozenClock(NOW)
        self.settings = settings(**environ)
        self.post = self.another()

    def another(self) -> MondayPost:
        """Make another one, as another process has."""
        return MondayPost(
            settings=self.settings, database=self.database, ses=self.ses, clock=self.clock
        )
