"""The operations page and its actions: holding, resuming, approving, trying again."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import update

from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.flows.outcomes import Deferred, Sent, Skipped
from sekvens.flows.steps import Mode
from sekvens.messages.tables import Message
from sekvens.modes.setting import set_mode
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.staff import audit
from sekvens.staff.tables import Role
from sekvens.switches.tables import BREAKER, SwitchState
from sekvens.switches.turning import standing, turn
from sekvens.web.dashboard import retrying
from tests.unit.ingesting import NOON
from tests.unit.sending import PostOffice
from tests.unit.staffing import add_staff, browsing, quick_scrypt  # noqa: F401  a fixture
from tests.unit.test_dashboard_knowing import acted, shown
from tests.unit.test_operating import parked_ones

OPERATIONS = "/staff/operations"
RETRY = "/staff/do/retry-parked?flow=letters&step=hello&code=template"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def office(sqlite_database: Database) -> PostOffice:
    for role in Role:
        add_staff(sqlite_database, role.value, role=role)
    return PostOffice(sqlite_database)


class Signalled:
    """A Temporal that writes down who was told what."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.told: list[tuple[str, str]] = []
        self.is_away = is_away

    def get_workflow_handle(self, workflow_id: str) -> "Signalled":
        self.workflow_id = workflow_id
        return self

    async def signal(self, word: str, **_more: object) -> None:
        self.told.append((self.workflow_id, word))

    @asynccontextmanager
    async def connected(self) -> "AsyncIterator[Signalled]":
        if self.is_away:
            raise RuntimeError("connection refused")
        yield self


@pytest.fixture
def temporal(monkeypatch: pytest.MonkeyPatch) -> Signalled:
    temporal = Signalled()
    monkeypatch.setattr(retrying, "settled_client", temporal.connected)
    monkeypatch.setattr(retrying, "A_SECOND", 1e6)
    return temporal


def held(office: PostOffice) -> list[tuple[str, str, str]]:
    with office.database.read() as session:
        return [(each.name, each.state, each.by) for each in standing(session)]


def wait_for_a_person(office: PostOffice, count: int) -> None:
    """Let so many messages wait for a person, those that do included."""
    with office.database.write() as session:
        set_mode(session, "letters", "", Mode.MANUAL, by="maja", note=None, now=NOON)
    for number in range(2, count + 2):
        with office.database.read() as session:
            is_there = session.get(Enrollment, f"e-{number}") is not None
        if not is_there:
            office.enroll(f"e-{number}", office.contact_id)
            office.send(enrollment_id=f"e-{number}")


async def test_everything_is_held_after_a_question_and_let_go_again(office: PostOffice) -> None:
    stop = "/staff/do/stop-everything"
    asked, said = await acted(office.database, office.clock, stop, note="wrong price")
    stopped = (held(office), office.send())
    page = await shown(office.database, office.clock, OPERATIONS, role="operator")
    question, resumed = await acted(office.database, office.clock, "/staff/do/resume?what=*")

    assert "1 enrollment is under way. No message leaves" in asked
    assert "none leaves any more" in said
    assert stopped[0] == [("*", "stopped", "operator")]
    assert isinstance(stopped[1], Deferred)
    assert all(each in page for each in ("wrong price", "a person has stopped it", "do/resume"))
    assert "1 message is held (everything)." in question
    assert "It goes on: everything." in resumed
    assert held(office) == []


async def test_a_pause_lets_nobody_pause_twice(office: PostOffice) -> None:
    await acted(office.database, office.clock, "/staff/do/pause-everything")
    again, _ = await acted(office.database, office.clock, "/staff/do/pause-everything")

    assert held(office) == [("*", "paused", "operator")]
    assert "All marketing is paused already." in again


async def test_the_breakers_hold_ends_and_what_else_holds_is_said(office: PostOffice) -> None:
    with office.database.write() as session:
        for name in (BREAKER, "letters"):
            turn(session, name, SwitchState.PAUSED, by="x", note=None, now=NOON)
    asked, said = await acted(office.database, office.clock, f"/staff/do/resume?what={BREAKER}")

    assert "look first at what bounced" in asked
    assert "It goes on: marketing, by the breaker. Still held: letters." in said


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_who_may_not_operate_is_offered_nothing_and_refused(
    office: PostOffice, role: str
) -> None:
    parked_ones(office, "template")
    page = await shown(office.database, office.clock, OPERATIONS, role=role)
    async with browsing(office.database, office.clock) as browser:
        await browser.log_in(role)
        replies = [
            await browser.client.get(f"/staff/do/{name}")
            for name in ("stop-everything", "pause-everything", "resume", "retry-parked")
        ]

    assert "/staff/do/" not in page
    assert [reply.status_code for reply in replies] == [403] * 4


def deciding(office: PostOffice, name: str) -> str:
    until = int(office.clock.now().timestamp())
    return f"/staff/do/{name}?flow=letters&step=hello&until={until}"


async def test_only_an_editor_approves(office: PostOffice) -> None:
    wait_for_a_person(office, 1)
    viewer = await shown(office.database, office.clock, OPERATIONS)
    editor = await shown(office.database, office.clock, OPERATIONS, role="editor")

    assert "do/approve" not in viewer
    assert deciding(office, "approve").replace("&", "&amp;") in editor


async def test_a_message_whose_text_is_gone_waits_among_the_others(office: PostOffice) -> None:
    wait_for_a_person(office, 1)
    with office.database.write() as session:
        session.execute(update(Message).values(template_digest="gone"))
    page = await shown(office.database, office.clock, OPERATIONS, role="editor")

    assert deciding(office, "approve").replace("&", "&amp;") in page


async def test_what_has_come_since_the_page_was_shown_is_not_approved(office: PostOffice) -> None:
    wait_for_a_person(office, 2)
    path = deciding(office, "approve")
    office.later(MINUTE)
    wait_for_a_person(office, 3)
    asked, said = await acted(office.database, office.clock, path, role="editor", note="read it")
    again, _ = await acted(office.database, office.clock, path, role="editor")
    outcomes = [office.send(enrollment_id=f"e-{number}") for number in (2, 3, 4)]

    assert "2 messages of letters, hello, go on to the gate" in asked
    assert "2 messages are approved." in said
    assert "None of these messages waits for a person any more." in again
    assert [isinstance(each, Sent) for each in outcomes] == [True, True, False]
    with office.database.read() as session:
        (entry,) = audit.newest(session)
    assert (entry.by, {*entry.target}) == ("editor", {"flow", "step", "until"})


async def test_a_rejected_message_is_never_sent(office: PostOffice) -> None:
    wait_for_a_person(office, 1)
    path = deciding(office, "reject")
    _, said = await acted(office.database, office.clock, path, role="editor")

    assert "1 message is rejected." in said
    assert isinstance(office.send(enrollment_id="e-2"), Skipped)


async def test_all_of_a_kind_are_told_to_try_again(office: PostOffice, temporal: Signalled) -> None:
    parked_ones(office, "template", "offer_pool_empty", "template")
    page = await shown(office.database, office.clock, OPERATIONS, role="operator")
    asked, said = await acted(office.database, office.clock, RETRY)

    assert "the e-mail cannot be made" in page
    assert "no code of the offer is left" in page
    assert "2 parked enrollments try to make their e-mail again." in asked
    assert "2 enrollments were told to try again." in said
    assert temporal.told == [("letters/e-parked-0", "retry"), ("letters/e-parked-2", "retry")]


async def test_one_is_told_to_try_again(office: PostOffice, temporal: Signalled) -> None:
    parked_ones(office, "template", "template")
    path = f"{OPERATIONS}/parked?flow=letters&step=hello&code=template"
    page = await shown(office.database, office.clock, path, role="operator")
    retry = "/staff/do/retry-parked?enrollment=e-parked-1"
    _, said = await acted(office.database, office.clock, retry)

    assert "2 enrollments stand at hello until somebody looks." in page
    assert "do/retry-parked?enrollment=e-parked-1" in page
    assert "1 enrollment was told to try again." in said
    assert temporal.told == [("letters/e-parked-1", "retry")]


async def test_so_many_at_once_and_the_rest_is_said(
    office: PostOffice, temporal: Signalled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "AT_ONCE", 1)
    parked_ones(office, "template", "template")
    asked, _ = await acted(office.database, office.clock, RETRY)

    assert "1 parked enrollment tries" in asked
    assert "1 more is left for the next time." in asked
    assert len(temporal.told) == 1


async def test_a_temporal_that_is_away_is_said_and_nobody_was_told(
    office: PostOffice, temporal: Signalled
) -> None:
    temporal.is_away = True
    parked_ones(office, "template")
    _, said = await acted(office.database, office.clock, RETRY)

    assert 'class="notice bad"' in said
    assert "Temporal cannot be reached" in said
    with office.database.read() as session:
        assert [entry.failed for entry in audit.newest(session)] == [True]


async def test_nobody_is_parked_any_more(office: PostOffice, temporal: Signalled) -> None:
    asked, _ = await acted(office.database, office.clock, RETRY)
    async with browsing(office.database, office.clock) as browser:
        await browser.log_in("viewer")
        gone = await browser.look(f"{OPERATIONS}/parked?flow=letters&step=hello&code=template")

    assert "None of these is parked any more." in asked
    assert (gone.status_code, temporal.told) == (404, [])


def quota(day_max: float) -> SesQuota:
    return SesQuota(
        id=THE_ACCOUNT, asked_at=NOON, told_at=NOON, send_rate_max=14, day_max=day_max,
        sent_last_day=960, sending_enabled=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("day_max", "said"), [(1000.0, "of 1,000, 96.0"), (-1.0, "without a limit on the day")]
)
async def test_the_quota_is_told(office: PostOffice, day_max: float, said: str) -> None:
    with office.database.write() as session:
        session.add(quota(day_max))
    page = await shown(office.database, office.clock, OPERATIONS)

    assert said in page
    assert "at work" in page


async def test_a_worker_that_is_not_heard_of_is_said_to_be_quiet(office: PostOffice) -> None:
    with office.database.write() as session:
        session.add(quota(1000))
    office.later(10 * MINUTE)

    assert ">quiet</dd>" in await shown(office.database, office.clock, OPERATIONS)


async def test_reasons_from_outside_are_escaped(office: PostOffice) -> None:
    parked_ones(office, "template")
    with office.database.write() as session:
        session.execute(update(Enrollment).values(parked_reason="<script>alert(1)</script>"))
    paths: Sequence[str] = (
        OPERATIONS,
        f"{OPERATIONS}/parked?flow=letters&step=hello&code=template",
    )
    pages = [await shown(office.database, office.clock, path) for path in paths]

    assert all("&lt;script&gt;alert" in page for page in pages)
    assert not any("<script>alert" in page for page in pages)
