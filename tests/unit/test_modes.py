"""Draft, manual, live: what is passed over, what waits for a person, and what goes before both."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sekvens.approvals.deciding import Decider, Word
from sekvens.approvals.waiting import Which, messages
from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.enroll import EntryRefusal, NotEnrolled, enroll
from sekvens.enrollments.publish import live_flow
from sekvens.enrollments.standing import look_again
from sekvens.enrollments.tables import Delivery
from sekvens.errors import OutcomeUnknown
from sekvens.flows import interpreter
from sekvens.flows.builder import DRAFT, LIVE, MANUAL, send, set_trait, wait
from sekvens.flows.changes import changes
from sekvens.flows.codec import from_json, to_json
from sekvens.flows.definition import Flow
from sekvens.flows.explain import as_text
from sekvens.flows.graph import compile_flow
from sekvens.flows.modes import WHOLE_FLOW, cautions, may_have, mode_of
from sekvens.flows.outcomes import Deferred, Done, Outcome, Sent, Skipped, SkipReason
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason, Mode
from sekvens.flows.validate import validate
from sekvens.messages.tables import MessageState
from sekvens.modes.setting import leave_as_written, mode_now, set_mode, set_modes
from sekvens.ses.testing import TakenThen
from sekvens.settings import load_settings
from sekvens.simulator.stage import set_stage
from sekvens.simulator.story import Act, Person, Story
from sekvens.simulator.telling import tell
from sekvens.simulator.timeline import count_lines, lines_of
from sekvens.staff.waiting import waiting_for_people
from tests.unit.ingesting import NOON
from tests.unit.relaying import World, cart_flow
from tests.unit.sending import PostOffice, letters, mixed
from tests.unit.test_deeds import Office as DeedOffice
from tests.unit.test_flows_validate import KNOWN

HOUR = timedelta(hours=1)


@pytest.fixture
def office(sqlite_database: Database) -> PostOffice:
    return PostOffice(sqlite_database, flow=mixed())


def sets(office: PostOffice, mode: Mode, step: str = WHOLE_FLOW) -> None:
    with office.database.write() as session:
        now = office.clock.now()
        set_mode(session, "letters", step, mode, by="maja", note=None, now=now)


def says(office: PostOffice, *, is_approved: bool = True, limit: int | None = None) -> int:
    decider = Decider(office.database, office.clock, ShopTime())
    word = Word(is_approved=is_approved, by="bengt", note="read it")
    return decider.decide(Which(flow="letters"), word, limit=limit, a_second=1)


def waiting(office: PostOffice) -> list[str]:
    with office.database.read() as session:
        return [each.step_id for each in messages(session, Which(), now=office.clock.now())]


def skipped(outcome: Outcome) -> SkipReason | None:
    return outcome.reason if isinstance(outcome, Skipped) else None


def held(outcome: Outcome) -> str | None:
    return outcome.reason if isinstance(outcome, Deferred) else None


@pytest.mark.parametrize(
    ("of_flow", "of_step", "counts"),
    [
        (LIVE, LIVE, LIVE), (LIVE, DRAFT, DRAFT), (DRAFT, LIVE, DRAFT), (MANUAL, LIVE, MANUAL),
        (MANUAL, DRAFT, DRAFT), (LIVE, MANUAL, MANUAL),
    ],
)  # fmt: skip
def test_of_a_flow_and_its_step_the_stricter_counts(of_flow: Mode, of_step: Mode, counts: Mode):
    step = send("hello", mode=of_step)
    written = letters(steps=[step], mode=of_flow)
    plain = letters(steps=[send("hello")])

    assert mode_of(written, step, {}) is counts
    assert mode_of(plain, plain.steps[0], {WHOLE_FLOW: of_flow, "hello": of_step}) is counts


def test_a_definition_without_modes_is_written_as_it_always_was():
    live, draft = letters(), letters(steps=[send("hello", mode=DRAFT)], mode=MANUAL)

    assert "mode" not in str(to_json(live))
    assert from_json(Flow, to_json(draft)) == draft


def test_a_draft_is_passed_over_and_the_ledger_says_why(office: PostOffice) -> None:
    sets(office, DRAFT, "hello")
    outcome = office.send()

    assert (skipped(outcome), office.ses.calls) == (SkipReason.DRAFT, 0)
    assert office.message().skip_reason == "draft"
    assert office.enrollment().step_id == "receipt"
    assert isinstance(office.send("receipt"), Sent)


def test_what_a_person_has_set_goes_before_what_the_version_says(database: Database) -> None:
    office = PostOffice(database, flow=letters(steps=[send("hello", mode=DRAFT), send("b")]))
    sets(office, LIVE, "hello")
    allowed = office.send()
    with database.write() as session:
        ended = leave_as_written(session, "letters", "hello", by="maja", now=NOON)
        step = office.published.graph.steps["hello"]
        counts = mode_now(session, office.published.flow, step)

    assert isinstance(allowed, Sent)
    assert (ended is not None, counts) == (True, DRAFT)


def test_who_set_a_mode_and_when_stays_on_record(database: Database) -> None:
    office = PostOffice(database)
    sets(office, MANUAL)
    office.later(HOUR)
    sets(office, MANUAL)

    with office.database.read() as session:
        [now] = set_modes(session, "letters")
    assert (now.mode, now.since, now.by) == ("manual", NOON, "maja")


def test_a_manual_message_waits_and_leaves_once_it_is_approved(office: PostOffice) -> None:
    sets(office, MANUAL)
    outcome = office.send()
    before = waiting(office)
    count = says(office)

    assert (held(outcome), before, count) == ("manual", ["hello"], 1)
    assert waiting(office) == []
    assert isinstance(office.send(), Sent)
    assert office.ses.calls == 1


def test_order_mail_that_waits_for_an_approval_is_not_held_as_well(office: PostOffice) -> None:
    sets(office, MANUAL)
    outcome = office.send("receipt")
    with office.database.read() as session:
        needed = waiting_for_people(session, now=office.clock.now())

    assert (held(outcome), waiting(office)) == ("manual", ["receipt"])
    assert (needed.held, needed.held_count) == ((), 0)


def test_an_approval_owes_the_enrollment_a_look_in_its_order(office: PostOffice) -> None:
    sets(office, MANUAL)
    office.send()
    says(office)

    with office.database.read() as session:
        owed = session.get_one(Delivery, ("e-1", 1))
    row = office.enrollment()
    assert (owed.looks, owed.event_id, row.last_seq) == (True, None, 1)
    assert row.due_at == office.clock.now()


def test_an_approval_after_a_purchase_sends_nothing(database: Database) -> None:
    office = PostOffice(database)
    sets(office, MANUAL)
    office.send()
    says(office)
    office.happens("Order Completed", order_id="1")
    outcome = office.send()

    assert isinstance(outcome, Skipped)
    assert (outcome.reason, outcome.exit) == (SkipReason.EXITED, ExitReason.CONVERTED)
    assert office.ses.calls == 0


def test_a_rejected_message_is_never_sent_whatever_the_mode_is_then(office: PostOffice) -> None:
    sets(office, MANUAL)
    office.send()
    says(office, is_approved=False)
    sets(office, LIVE)

    assert skipped(office.send()) == SkipReason.NOT_APPROVED
    assert (office.ses.calls, office.message().state) == (0, MessageState.SKIPPED)
    assert office.enrollment().step_id == "receipt"


def test_what_nobody_approves_in_time_is_looked_at_once_more_and_stale(office: PostOffice) -> None:
    sets(office, MANUAL)
    outcome = office.send(lateness_seconds_max=3600)

    assert isinstance(outcome, Deferred)
    assert NOON + HOUR < outcome.until < NOON + 2 * HOUR
    says(office)
    late = office.send(lateness_seconds_max=3600, now=outcome.until)
    assert skipped(late) == SkipReason.STALE


def test_what_waits_for_a_person_is_looked_at_once_a_day(office: PostOffice) -> None:
    sets(office, MANUAL)
    outcome = office.send()

    assert isinstance(outcome, Deferred)
    assert outcome.until == NOON + timedelta(days=1)


def test_an_approval_is_of_one_text(office: PostOffice) -> None:
    sets(office, MANUAL)
    office.send()
    says(office)
    other = office.published.templates["letters/receipt"] + "-edited"
    outcome = office.send(template_digest=other)

    assert (held(outcome), waiting(office)) == ("manual", ["hello"])
    assert office.message().template_digest == other
    assert says(office) == 1
    assert waiting(office) == []


def test_of_what_is_in_doubt_is_kept_which_text_it_was(office: PostOffice) -> None:
    office.ses.faults.append(TakenThen(OutcomeUnknown()))
    office.send("receipt")
    sets(office, MANUAL)
    office.later(3 * HOUR)
    digest = office.published.templates["letters/receipt"]
    outcome = office.send("receipt", template_digest=f"{digest}-edited", now=NOON + 3 * HOUR)

    assert (held(outcome), waiting(office)) == ("manual", ["receipt"])
    assert office.message("receipt").template_digest == digest


def test_a_mode_set_between_the_two_looks_is_seen_by_the_second(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = office.sender._envelope.fill

    def set_and_fill(*given: object) -> object:
        sets(office, MANUAL)
        return fill(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(office.sender._envelope, "fill", set_and_fill)

    assert held(office.send()) == "manual"
    assert (office.message().state, office.ses.calls) == (MessageState.PENDING, 0)


def test_no_other_flow_waits_for_what_waits_for_a_person(sqlite_database: Database) -> None:
    office = PostOffice(sqlite_database, marketing_per_day=1, priority=("letters",))
    sets(office, MANUAL)
    office.send()

    assert office.enrollment().next_send_at is None


def test_many_are_approved_the_oldest_first_and_at_a_pace(office: PostOffice) -> None:
    sets(office, MANUAL)
    for number in range(3):
        office.enroll(f"e-more-{number}", office.contact_id)
        office.later(HOUR)
        office.send(enrollment_id=f"e-more-{number}")
    count = says(office, limit=2)

    due = [office.enrollment(f"e-more-{number}").due_at for number in range(3)]
    assert count == 2
    assert due == [office.clock.now(), office.clock.now() + timedelta(seconds=1), None]
    assert says(office) == 1


def test_a_look_changes_nothing_but_a_send_that_is_deferred():
    graph = compile_flow(letters())
    waits, _ = interpreter.decide(graph, interpreter.start(graph, NOON), NOON)
    deferred = interpreter.settle(graph, waits, Deferred(until=NOON + HOUR, reason="manual"), NOON)
    asleep = interpreter.settle(graph, waits, Sent(message_id="m", resume_at=NOON + 9 * HOUR), NOON)

    assert look_again(graph, deferred, NOON).due_at is None
    assert look_again(graph, asleep, NOON) == asleep
    assert look_again(graph, waits, NOON) == waits


def test_a_draft_flow_takes_nobody_and_a_manual_one_does(
    sqlite_database: Database, clock: FrozenClock
) -> None:
    world = World(sqlite_database, clock, cart_flow(mode=DRAFT))
    world.contact("c-maja")
    now = clock.now()
    with sqlite_database.write() as session:
        entering = {"contact_id": "c-maja", "entry_key": "k", "trigger": None,
                    "now_wall": now, "now_shop": now}  # fmt: skip
        refused = enroll(session, live_flow(session, "cart"), **entering)  # type: ignore[arg-type]
        set_mode(session, "cart", WHOLE_FLOW, MANUAL, by="maja", note=None, now=now)
        entered = enroll(session, live_flow(session, "cart"), **entering)  # type: ignore[arg-type]

    assert refused == NotEnrolled(reason=EntryRefusal.DRAFT)
    assert not isinstance(entered, NotEnrolled)


def test_a_draft_deed_is_passed_over(sqlite_database: Database) -> None:
    office = DeedOffice(sqlite_database)
    outcome = office.carry_out_twice(set_trait("vip", "level", "gold", mode=DRAFT))

    with sqlite_database.read() as session:
        contact = session.get_one(Contact, office.contact_id)
    assert outcome == Done(text="passed over, a draft")
    assert "level" not in contact.traits
    assert office.enrollment().step_id == "your-cart"


def test_only_what_reaches_the_world_has_a_mode_and_only_a_message_is_manual():
    assert may_have(send("a"), MANUAL)
    assert may_have(set_trait("a", "b", "c"), DRAFT)
    assert not may_have(set_trait("a", "b", "c"), MANUAL)
    assert not may_have(wait("a", HOUR), DRAFT)


def test_a_manual_deed_is_a_fault_and_manual_order_mail_a_caution():
    deed = letters(steps=[send("hello"), set_trait("vip", "level", "gold", mode=MANUAL)])
    faults = [fault.step for fault in validate(deed, KNOWN) if "manual" in fault.problem]

    assert faults == ["vip"]
    [said] = cautions(mixed(), {WHOLE_FLOW: MANUAL})
    assert said.startswith("letters/receipt is transactional and manual")
    assert cautions(mixed(), {}) == []


def test_a_story_shows_what_is_no_draft_and_marks_what_is():
    flow = letters(steps=[send("hello", mode=DRAFT), send("your-cart", past_cap=True)])
    story = Story(
        name="a",
        about="",
        starts=NOON,
        days=1,
        sending={"quiet_from": "00:00", "quiet_until": "00:00"},
    )
    stage = replace(
        set_stage(story, load_settings({}), [flow]), by_hand={"letters": {"your-cart": MANUAL}}
    )
    act = Act(verb="subscribe", text="subscribes")
    outcome = tell(stage, [Person(name="maja", zone="UTC", acts=(act,))], timelines=1)

    said = [line.text for line in lines_of(outcome.told[0])]
    assert "letters/hello (draft)" in said
    assert "letters/your-cart (manual)" in said
    assert {(line.step, line.sent, line.mode) for line in count_lines(outcome) if line.step} == {
        ("hello", 1, DRAFT), ("your-cart", 1, MANUAL),
    }  # fmt: skip


def test_a_mode_is_told_where_a_flow_is_explained_and_compared():
    before = letters(steps=[send("hello"), set_trait("vip", "level", "gold")])
    steps = [send("hello", mode=MANUAL), set_trait("vip", "level", "gold", mode=DRAFT)]
    after = letters(steps=steps, mode=DRAFT)
    said = [each.text for each in changes(compile_flow(before), compile_flow(after), (), {})]

    assert "letters, version 1 (marketing, draft)" in as_text(after)
    assert "it is draft, and was live" in said
    assert "hello sends hello (manual); it sends hello before" in said
    assert any(text.startswith("vip") and "(draft)" in text for text in said)
