"""Pages of a shop in which there is a great deal: bounded, and they say what they leave out."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, FlowVersion
from sekvens.experiments.tables import ExperimentPlan
from sekvens.flows.codec import to_json
from sekvens.staff.tables import AuditEntry, Role
from tests.unit.dashboarding import fill
from tests.unit.experimenting import plan
from tests.unit.ingesting import NOON
from tests.unit.serving import settings
from tests.unit.staffing import add_staff, browsing, quick_scrypt  # noqa: F401  a fixture

FLOW = "cart-abandonment"
PARKED, VERSIONS, EXPERIMENTS, ENTRIES = 1_000, 300, 200, 10_000
#: A page of this many bytes is at hand on a telephone, too.
BYTES_MAX = 150_000


@pytest.fixture(scope="module")
def crowded(sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A house with a great deal of everything, put there at once."""
    file = shutil.copy(sqlite_file, tmp_path_factory.mktemp("crowded") / "sekvens.db")
    database = Database(f"sqlite:///{file}")
    fill(database, settings())
    add_staff(database, "operator", role=Role.OPERATOR)
    with database.write() as session:
        _park(session)
        _publish(session)
        planned = json.loads(json.dumps(to_json(plan())))
        session.execute(
            insert(ExperimentPlan),
            [
                {"name": f"cart/way-{n:03}", "round": 1, "plan": planned, "state": "running",
                 "began_at": NOON}
                for n in range(EXPERIMENTS)
            ],
        )  # fmt: skip
        session.execute(
            insert(AuditEntry),
            [
                {"at": NOON, "by": "doris", "action": "retry-parked", "failed": False,
                 "target": {"enrollment": f"p-{n}"}, "says": "It tries again.", "result": "Done."}
                for n in range(ENTRIES)
            ],
        )  # fmt: skip
    yield database
    database.close()


def _park(session: Session) -> None:
    contacts = [
        {"id": f"c-{n}", "created_at": NOON, "updated_at": NOON, "traits": {}}
        for n in range(PARKED)
    ]
    version = session.scalar(select(func.max(FlowVersion.version)).where(FlowVersion.flow == FLOW))
    parked = [
        {
            "id": f"p-{n}", "flow": FLOW, "flow_version": version, "contact_id": f"c-{n}",
            "workflow_id": f"w-{n}", "state": "parked", "step_id": "a-small-nudge",
            "parked_code": "template", "parked_at": NOON, "started_at": NOON - timedelta(days=1),
        }
        for n in range(PARKED)
    ]  # fmt: skip
    session.execute(insert(Contact), contacts)
    session.execute(insert(Enrollment), parked)


def _publish(session: Session) -> None:
    live = session.scalars(select(FlowVersion).where(FlowVersion.flow == FLOW)).one()
    copied = {
        "flow": FLOW, "digest": "old", "definition": live.definition, "templates": live.templates,
        "live": False, "published_at": NOON,
    }  # fmt: skip
    session.execute(
        insert(FlowVersion), [copied | {"version": live.version + n + 1} for n in range(VERSIONS)]
    )


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/staff", "1,001"),
        ("/staff/flows", "1,000 parked"),
        (f"/staff/flows/{FLOW}", "21 of 301 are shown."),
        ("/staff/contacts", "Seen lately"),
        ("/staff/experiments", "50 of 200 are shown."),
        ("/staff/experiments?from=150", "cart/way-199"),
        ("/staff/operations", "1,000"),
        (f"/staff/operations/parked?flow={FLOW}&step=a-small-nudge&code=template",
         "50 of 1,000 are shown."),
        ("/staff/do/retry-parked?flow=cart-abandonment&step=a-small-nudge&code=template",
         "200 parked enrollments"),
        ("/staff/audit", "Older"),
        ("/staff/audit?before=51", "p-0"),
    ],
)  # fmt: skip
async def test_a_page_stays_short_and_says_what_it_leaves_out(
    crowded: Database, path: str, says: str
) -> None:
    async with browsing(crowded, FrozenClock(NOON)) as browser:
        await browser.log_in("operator")
        reply = await browser.client.get(path, headers={"accept-language": "en"})
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", reply.text))

    assert reply.status_code == 200
    assert says in text
    assert len(reply.content) < BYTES_MAX
