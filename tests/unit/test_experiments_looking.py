"""What is counted, when an experiment is looked at, and what a look decides."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.engagement.tables import Engagement
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent
from sekvens.experiments.bounds import constant
from sekvens.experiments.drawing import plan_of
from sekvens.experiments.judging import Seen, judge, look_due, see
from sekvens.experiments.looking import NotDecided, UnknownExperiment, adopt, stop
from sekvens.experiments.measuring import Measured, entries_of, measure
from sekvens.experiments.plan import of_flow
from sekvens.experiments.planning import needed, today_of
from sekvens.experiments.tables import Draw
from sekvens.experiments.wording import effects_in_words, gained_in_words
from sekvens.flows.builder import send
from sekvens.flows.codec import from_json
from sekvens.flows.experimenting import AUTO, CLICKS, REVENUE, variant
from sekvens.flows.lots import EVERYTHING
from sekvens.flows.steps import Measure
from sekvens.messages.tables import Message
from tests.unit.experimenting import NAME, WITHIN, Laboratory, halves, plan, with_experiment
from tests.unit.relaying import World

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def laboratory(sqlite_database: Database, clock: FrozenClock) -> Laboratory:
    World(sqlite_database, clock, with_experiment())
    return Laboratory(sqlite_database, clock)


@pytest.fixture
def on_both(database: Database, clock: FrozenClock) -> Laboratory:
    return Laboratory(database, clock)


def measured(laboratory: Laboratory, name: str = NAME) -> Measured:
    begun, now = laboratory.begun(name), laboratory.clock.now()
    with laboratory.database.read() as session:
        entries = entries_of(session, begun)
        return measure(session, plan_of(begun), entries, now=now, currency="SEK")


def clicks(laboratory: Laboratory, *ids: str, flow: str = "cart", machine: bool = False) -> None:
    """Let contacts click in an e-mail of a flow an hour from now; a machine's is no event."""
    now = laboratory.clock.now()
    for whose in ids:
        key = f"{whose}-{flow}"
        event_id = None if machine else f"click-{key}"
        with laboratory.database.write() as session:
            session.execute(insert(Enrollment).values(
                id=f"e-{key}", flow=flow, flow_version=1, contact_id=whose, workflow_id=key,
                started_at=now,
            ))  # fmt: skip
            session.execute(insert(Message).values(
                id=f"m-{key}", enrollment_id=f"e-{key}", step_id="plain", contact_id=whose,
                flow=flow, flow_version=1, template="t", template_digest="", claimed_at=now,
                purpose="marketing", state="accepted",
            ))  # fmt: skip
            session.execute(insert(Engagement).values(
                kind="click", source="link", message_id=f"m-{key}", contact_id=whose, at=now,
                is_machine=machine, event_id=event_id,
            ))  # fmt: skip
            if event_id:
                session.execute(insert(ContactEvent).values(
                    message_id=event_id, type="track", name="Email Link Clicked",
                    contact_id=whose, properties={}, occurred_at=now + HOUR, received_at=now,
                ))  # fmt: skip


def test_a_contact_counts_when_their_time_is_over_and_so_does_what_they_did_within_it(
    laboratory: Laboratory,
):
    groups = laboratory.crowd(12)
    first, second, *_ = groups["plain"]
    laboratory.order(first, after=WITHIN)
    laboratory.order(first, after=HOUR, total="50.50")
    laboratory.order(second, after=WITHIN + SECOND)
    laboratory.order(second, after=-SECOND)
    laboratory.clock.move(WITHIN - SECOND)
    early = measured(laboratory)
    laboratory.clock.move(SECOND)
    plain = measured(laboratory).tallies["plain"]

    assert (early.contacts, sum(early.drawn.values())) == (0, 12)
    assert (plain.contacts, plain.orders.some) == (len(groups["plain"]), 1)
    assert (plain.orders.total, plain.revenue.total) == (2.0, 150.5)


def test_orders_that_came_to_nothing_count_for_nothing_and_foreign_money_is_told(
    laboratory: Laboratory,
):
    [first, second, third, *_] = [each for group in laboratory.crowd(6).values() for each in group]
    laboratory.order(first, state="cancelled")
    laboratory.order(second, state="refunded")
    laboratory.order(third, currency="EUR")
    laboratory.clock.move(WITHIN)
    found = measured(laboratory)

    assert sum(tally.orders.some for tally in found.tallies.values()) == 1
    assert sum(tally.revenue.total for tally in found.tallies.values()) == 0.0
    assert found.foreign == 1


def test_a_persons_click_in_this_flow_counts_and_no_other(laboratory: Laboratory):
    groups = laboratory.crowd(12)
    person, machine, elsewhere, *_ = groups["plain"]
    clicks(laboratory, person)
    clicks(laboratory, machine, machine=True)
    clicks(laboratory, elsewhere, flow="welcome")
    laboratory.clock.move(WITHIN)

    assert measured(laboratory).tallies["plain"].clicks.some == 1
    assert measured(laboratory).tallies["loud"].clicks.some == 0


def test_who_gets_no_marketing_at_all_is_not_compared(laboratory: Laboratory):
    whose = laboratory.crowd(12)["plain"]
    laboratory.crowd(1)
    with laboratory.database.write() as session:
        begun = laboratory.begun()
        session.add(type(begun)(name=EVERYTHING, round=1, plan={}, state="running",
                                began_at=begun.began_at))  # fmt: skip
        session.flush()
        session.add(Draw(experiment=EVERYTHING, contact_id=whose[0], variant="holdout", round=1,
                         drawn_at=begun.began_at))  # fmt: skip

    assert measured(laboratory).drawn["plain"] + measured(laboratory).drawn["loud"] == 12


def test_a_look_is_due_when_its_part_of_the_contacts_counts():
    due = [look_due(plan(), contacts) for contacts in (0, 99, 100, 250, 399, 400, 9_999)]

    assert due == [0, 0, 1, 2, 3, 4, 4]


def test_a_look_is_taken_once_and_reading_the_figures_takes_none(laboratory: Laboratory):
    laboratory.many(120)
    assert laboratory.looker().look().verdicts == {}
    laboratory.clock.move(WITHIN)
    measured(laboratory)
    taken = [laboratory.looker().look().verdicts for _ in range(3)]

    assert taken == [{NAME: "open"}, {}, {}]
    [look] = laboratory.looks()
    assert (look.number, look.round, look.verdict, look.winner) == (1, 1, "open", None)
    assert from_json(Seen, look.seen).tallies["plain"].contacts > 40


def test_a_look_that_another_has_taken_meanwhile_is_not_taken_again(laboratory: Laboratory):
    laboratory.many(120)
    laboratory.clock.move(WITHIN)
    judgement = judge(plan(), measured(laboratory), look=1)
    looker, begun, now = laboratory.looker(), laboratory.begun(), laboratory.clock.now()
    written = []
    for _ in range(2):
        with laboratory.database.write() as session:
            written.append(looker._write(session, begun, 1, judgement, now))

    assert written == [True, False]


def test_a_clear_winner_is_found_and_with_auto_it_is_adopted_at_once(on_both: Laboratory):
    auto = plan(adopt=AUTO)
    groups = on_both.many(220, by=auto)
    on_both.order(*halves(groups, plain=0.1, loud=0.5), after=HOUR)
    on_both.clock.move(WITHIN)
    taken = on_both.looker().look().verdicts
    on_both.contacts("c-new")

    assert taken == {NAME: "won"}
    begun = on_both.begun()
    assert (begun.state, begun.adopted, begun.decided_by) == ("adopted", "loud", None)
    assert on_both.draw("c-new", by=auto) == ["loud"]
    assert on_both.looker().look().verdicts == {}


def test_by_hand_a_winner_waits_for_a_person_and_no_further_look_is_taken(laboratory: Laboratory):
    groups = laboratory.many(220)
    laboratory.order(*halves(groups, plain=0.5, loud=0.1), after=HOUR)
    laboratory.clock.move(WITHIN)
    laboratory.looker().look()
    laboratory.many(200)
    laboratory.clock.move(WITHIN)

    assert laboratory.looker().look().verdicts == {}
    [look] = laboratory.looks()
    assert (look.verdict, look.winner, laboratory.begun().state) == ("won", "plain", "running")
    with laboratory.database.write() as session:
        adopt(session, NAME, "plain", by="maja", now=laboratory.clock.now())
    assert laboratory.begun().decided_by == "maja"


def test_at_the_first_look_much_more_is_asked_than_at_the_last(laboratory: Laboratory):
    groups = laboratory.many(100)
    laboratory.order(*halves(groups, plain=0.20, loud=0.48), after=HOUR)  # a score of 3
    laboratory.clock.move(WITHIN)

    assert laboratory.looker().look().verdicts == {NAME: "open"}
    seen = from_json(Seen, laboratory.looks()[0].seen)
    assert 2.5 < seen.scores["loud"] < seen.bound
    assert seen.bound == pytest.approx(4.05, abs=0.01)


def test_the_last_look_says_that_nothing_was_shown(laboratory: Laboratory):
    groups = laboratory.many(420)
    laboratory.order(*halves(groups, plain=0.2, loud=0.2), after=HOUR)
    laboratory.clock.move(WITHIN)

    assert laboratory.looker().look().verdicts == {NAME: "no_winner"}
    assert laboratory.looks()[0].number == 4


def test_nothing_is_decided_where_the_split_is_not_as_planned(laboratory: Laboratory):
    groups = laboratory.many(220)
    lost = groups["plain"][: len(groups["plain"]) * 2 // 3]
    with laboratory.database.write() as session:
        for contact_id in lost:
            session.delete(session.get_one(Draw, (NAME, contact_id)))
    laboratory.order(*groups["loud"], after=HOUR)
    laboratory.clock.move(WITHIN)

    assert laboratory.looker().look().verdicts == {NAME: "mismatch"}
    seen = from_json(Seen, laboratory.looks()[0].seen)
    [said] = effects_in_words(plan(), seen, currency="SEK")
    assert "not drawn as often as planned" in said


def test_few_orders_decide_nothing_about_revenue_however_large(laboratory: Laboratory):
    rich = plan(measure=REVENUE)
    groups = laboratory.many(420, by=rich)
    laboratory.order(*groups["plain"][:2], after=HOUR, total="1")
    laboratory.order(*groups["loud"][:33], after=HOUR, total="9000")
    laboratory.clock.move(WITHIN)

    assert laboratory.looker().look().verdicts == {NAME: "no_winner"}
    seen = from_json(Seen, laboratory.looks()[0].seen)
    assert (seen.scores["loud"], seen.effects["loud"].revenue) == (0.0, None)
    assert any("not yet known" in line for line in effects_in_words(rich, seen, currency="SEK"))


def test_of_three_variants_the_best_wins_and_more_is_asked_of_it(laboratory: Laboratory):
    three = plan(others=[variant("loud", send("loud")), variant("soft", send("soft"))])
    groups = laboratory.many(420, by=three)
    laboratory.order(*halves(groups, plain=0.1, loud=0.4), *groups["soft"][:90], after=HOUR)
    laboratory.clock.move(WITHIN)
    laboratory.looker().look()

    [look] = laboratory.looks()
    assert (look.verdict, look.winner) == ("won", "soft")
    assert from_json(Seen, look.seen).bound == constant(4, 0.025) > constant(4)


def test_what_cannot_be_decided_says_why(laboratory: Laboratory):
    laboratory.crowd(2)
    now = laboratory.clock.now()
    with laboratory.database.write() as session:
        with pytest.raises(UnknownExperiment, match="nobody has come to an experiment 'x'"):
            stop(session, "x", by="maja", now=now)
        with pytest.raises(NotDecided, match=r"experiments\.holdout = 0"):
            stop(session, EVERYTHING, by="maja", now=now)
        with pytest.raises(NotDecided, match="no variant 'quiet': name one of plain, loud"):
            adopt(session, NAME, "quiet", by="maja", now=now)
        with pytest.raises(NotDecided, match="no planned look has shown that loud is better"):
            adopt(session, NAME, "loud", by="maja", now=now)
        assert stop(session, NAME, by="maja", now=now) == "plain"
        with pytest.raises(NotDecided, match="is stopped already, with plain"):
            adopt(session, NAME, "loud", by="maja", now=now, anyway=True)


def test_a_holdout_says_what_a_flow_has_brought_or_that_it_is_not_known(laboratory: Laboratory):
    held = of_flow(with_experiment(holdout=0.4))
    groups = laboratory.many(400, by=held)
    few = list(gained_in_words(see(held, measured(laboratory, "cart")), currency="SEK"))
    laboratory.order(*groups["holdout"][:25], *groups["treated"][:120], after=HOUR, total="10")
    laboratory.clock.move(WITHIN)
    seen = see(held, measured(laboratory, "cart"))
    said = list(gained_in_words(seen, currency="SEK"))

    assert "  orders: not yet known: too few have ordered" in few
    assert laboratory.looker().look().verdicts == {}
    gained = seen.effects["treated"].orders
    assert gained is not None
    assert gained.low > 0
    more = gained.times(seen.tallies["treated"].contacts)
    assert said[1] == (
        f"  orders: {more.value:+,.1f}, between {more.low:+,.1f} and {more.high:+,.1f}"
    )


def test_a_holdout_promises_nothing_where_the_split_is_not_as_planned(laboratory: Laboratory):
    held = of_flow(with_experiment(holdout=0.4))
    groups = laboratory.many(400, by=held)
    laboratory.order(*groups["treated"][:120], after=HOUR)
    laboratory.clock.move(WITHIN)
    found = measured(laboratory, "cart")
    seen = see(held, replace(found, drawn={"holdout": 40, "treated": 240}))

    assert list(gained_in_words(seen, currency="SEK")) == []
    [said] = effects_in_words(held, seen, currency="SEK")
    assert "not drawn as often as planned" in said


def test_before_an_experiment_it_is_said_how_many_it_takes(laboratory: Laboratory):
    ids = [f"c-{number}" for number in range(100)]
    laboratory.contacts(*ids)
    now = laboratory.clock.now()
    with laboratory.database.write() as session:
        session.add_all(
            Enrollment(id=f"e-{n}", flow="cart", flow_version=1, contact_id=c, workflow_id=c,
                       started_at=now)
            for n, c in enumerate(ids)
        )  # fmt: skip
    laboratory.order(*ids[:5], after=HOUR)
    laboratory.order(*ids[5:10], after=HOUR, total="900")
    laboratory.clock.move(timedelta(days=10))
    with laboratory.database.read() as session:
        today, rate = today_of(session, "cart", within=WITHIN, looks_back=timedelta(days=20),
                               now=laboratory.clock.now(), currency="SEK")  # fmt: skip
    terms = {"lift": 0.2, "variants": 2, "looks": 1, "rate": rate, "within": WITHIN}
    found = needed(Measure.ORDERS, today, **terms)

    assert (today.contacts, today.orders.some, rate) == (100, 10, 5.0)
    assert found is not None
    assert (found.contacts, found.days) == (2 * 3_841, pytest.approx(7_682 / 5 + 5))
    assert needed(CLICKS, today, **terms) is None
    revenue = needed(REVENUE, today, **terms)
    assert revenue is not None
    assert revenue.contacts > found.contacts
