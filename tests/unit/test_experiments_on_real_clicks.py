"""Experiments judged on real clicks: a shop's log of what two policies showed, and to whom it led.

The Open Bandit Dataset (Saito et al. 2020): seven days of November 2019 in a Japanese fashion shop,
three campaigns, 10,000 impressions of each by a policy that chose at random and one that learned
(Bernoulli Thompson sampling, `bts`). An impression is a contact here, its policy or item a variant.
Numpy reads the same files by itself and scipy works out what is to be found.
"""

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.stats import binom, binomtest, chi2_contingency, chisquare, norm
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.engagement.tables import Engagement
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent
from sekvens.experiments.bounds import ALPHA
from sekvens.experiments.intervals import SCORE, amounts
from sekvens.experiments.judging import Judgement, contacts_for, judge, see
from sekvens.experiments.measuring import Entry, Measured, Tally, measure
from sekvens.experiments.plan import Plan
from sekvens.experiments.samples import MISMATCH_P, mismatch
from sekvens.experiments.tables import Verdict
from sekvens.flows.lots import Weights, draw
from sekvens.flows.steps import Measure
from sekvens.messages.tables import Message
from tests.unit.predicting import data_file

POLICIES = ("random", "bts")
#: How many items each campaign chose from.
ITEMS = {"all": 80, "men": 34, "women": 46}
LOGS = [(policy, campaign) for campaign in ITEMS for policy in POLICIES]
FLOW = "fashion"
DAY = timedelta(days=1)
OPENS = datetime(2019, 11, 24, tzinfo=UTC)
LOOKS = 10
#: Splits by lot whose false winners are counted, in each log.
SPLITS = 50


class Shown(NamedTuple):
    """One impression."""

    at: datetime
    item: str
    clicked: bool


@cache
def log(policy: str, campaign: str) -> tuple[Shown, ...]:
    """Read what a policy showed in a campaign, in the order of time."""
    with data_file("obp", f"{policy}/{campaign}/{campaign}.csv").open(newline="") as lines:
        return tuple(
            Shown(datetime.fromisoformat(row["timestamp"]), row["item_id"], row["click"] == "1")
            for row in csv.DictReader(lines)
        )


@cache
def column(policy: str, campaign: str, number: int, kind: type = int) -> np.ndarray[Any, Any]:
    """Read a column of the same file without us: 1 the time, 2 the item, 4 the click."""
    file = data_file("obp", f"{policy}/{campaign}/{campaign}.csv")
    return np.loadtxt(file, delimiter=",", skiprows=1, usecols=number, dtype=kind)


def plan(weights: Weights, contacts: int, *, looks: int = LOOKS, name: str = "policy") -> Plan:
    return Plan(
        name=f"{FLOW}/{name}", flow=FLOW, version=1, weights=weights, within=DAY,
        measure=Measure.CLICKS, contacts=contacts, looks=looks,
    )  # fmt: skip


def equal(names: Iterable[str]) -> Weights:
    return tuple((name, 1.0) for name in names)


BY_POLICY = plan(equal(POLICIES), 20_000)
#: Of one log: nothing can be better.
HALVES = plan(equal("ab"), 10_000, name="halves")


def clicked(session: Session, whose: str, at: datetime) -> None:
    """Let a contact have clicked in an e-mail of the flow."""
    session.add(Contact(id=whose, created_at=at, updated_at=at))
    session.add(Enrollment(id=f"e-{whose}", flow=FLOW, flow_version=1, contact_id=whose,
                           workflow_id=whose, started_at=at))  # fmt: skip
    session.flush()
    session.add(Message(id=f"m-{whose}", enrollment_id=f"e-{whose}", step_id="a", contact_id=whose,
                        flow=FLOW, flow_version=1, template="t", template_digest="",
                        claimed_at=at, purpose="marketing", state="accepted"))  # fmt: skip
    session.add(ContactEvent(message_id=f"click-{whose}", type="track", name="Email Link Clicked",
                             contact_id=whose, properties={}, occurred_at=at,
                             received_at=at))  # fmt: skip
    session.flush()
    session.add(Engagement(kind="click", source="link", message_id=f"m-{whose}", contact_id=whose,
                           at=at, is_machine=False, event_id=f"click-{whose}"))  # fmt: skip


@pytest.fixture
def measured(sqlite_database: Database) -> Callable[..., Measured]:
    """Measure a campaign as it was at an instant, out of the database."""

    def measured_at(campaign: str, now: datetime) -> Measured:
        shown = {f"{p}-{n}": (p, one) for p in POLICIES for n, one in enumerate(log(p, campaign))}
        with sqlite_database.write() as session:
            for whose, (_, one) in shown.items():
                if one.clicked and session.get(Contact, whose) is None:
                    clicked(session, whose, one.at)
        entries = {whose: Entry(policy, one.at) for whose, (policy, one) in shown.items()}
        with sqlite_database.read() as session:
            return measure(session, BY_POLICY, entries, now=now, currency="JPY")

    return measured_at


def counted(contacts: dict[str, int], clicks: dict[str, int]) -> Measured:
    """Make up what was measured of so many contacts of each variant, and of their clicks."""
    tallies = {
        name: Tally(
            clicks=amounts(count, [1.0] * clicks[name]),
            orders=amounts(count, ()),
            revenue=amounts(count, ()),
        )
        for name, count in contacts.items()
    }
    return Measured(drawn=contacts, tallies=tallies, foreign=0)


def limits(first: int, other: int, contacts: int, score: float) -> tuple[float, float, float]:
    """Work Newcombe's interval out by scipy's Wilson."""
    level = 1 - 2 * norm.sf(score)
    ends = [binomtest(k, contacts).proportion_ci(level, method="wilson") for k in (first, other)]
    p, q = first / contacts, other / contacts
    return (
        q - p - math.sqrt((q - ends[1].low) ** 2 + (ends[0].high - p) ** 2),
        q - p,
        q - p + math.sqrt((ends[1].high - q) ** 2 + (p - ends[0].low) ** 2),
    )


@pytest.mark.parametrize("campaign", ITEMS)
def test_shares_difference_and_interval_are_those_of_an_independent_recount(campaign, measured):
    found = measured(campaign, OPENS + 8 * DAY)
    random, bts = (int(column(policy, campaign, 4).sum()) for policy in POLICIES)
    seen, last = see(BY_POLICY, found), judge(BY_POLICY, found, look=LOOKS).seen

    assert {name: (t.contacts, t.clicks.some) for name, t in found.tallies.items()} == {
        "random": (10_000, random), "bts": (10_000, bts)
    }  # fmt: skip
    for each in (seen, last):
        effect = each.effects["bts"].clicks
        expected = limits(random, bts, 10_000, each.bound)
        assert (effect.low, effect.value, effect.high) == pytest.approx(expected, abs=1e-12)
    table = [[random, 10_000 - random], [bts, 10_000 - bts]]
    assert seen.scores["bts"] ** 2 == pytest.approx(
        chi2_contingency(table, correction=False).statistic
    )
    assert math.copysign(1, seen.scores["bts"]) == (1 if bts >= random else -1)


def test_after_each_day_those_count_whose_time_is_over_and_their_clicks(measured):
    times = {p: np.array([text.removesuffix("+00:00") for text in column(p, "men", 1, str)],
                         "datetime64[us]") for p in POLICIES}  # fmt: skip
    for days in (2, 4, 7):
        until = np.datetime64((OPENS + (days - 1) * DAY).replace(tzinfo=None))
        over = {policy: times[policy] <= until for policy in POLICIES}

        assert {
            name: (tally.contacts, tally.clicks.some)
            for name, tally in measured("men", OPENS + days * DAY).tallies.items()
        } == {
            policy: (int(over[policy].sum()), int(column(policy, "men", 4)[over[policy]].sum()))
            for policy in POLICIES
        }


@pytest.mark.parametrize(
    ("campaign", "verdict", "winner"),
    [("all", Verdict.NO_WINNER, None), ("men", Verdict.WON, "bts"),
     ("women", Verdict.NO_WINNER, None)],
)  # fmt: skip
def test_the_policy_that_learned_wins_where_it_did_and_nowhere_else(campaign, verdict, winner):
    clicks = {policy: sum(one.clicked for one in log(policy, campaign)) for policy in POLICIES}
    found = judge(BY_POLICY, counted(dict.fromkeys(POLICIES, 10_000), clicks), look=LOOKS)

    assert (found.verdict, found.winner) == (verdict, winner)


@pytest.mark.parametrize(("policy", "campaign"), LOGS)
def test_a_log_that_is_split_by_turns_has_no_winner_at_any_look(policy, campaign):
    clicks = column(policy, campaign, 4)
    judged = at_each_look(clicks, np.arange(len(clicks)) % 2 == 1)

    assert [each.verdict for each in judged] == [Verdict.OPEN] * (LOOKS - 1) + [Verdict.NO_WINNER]


def test_of_many_splits_by_lot_no_more_have_a_winner_than_was_said():
    won = peeked = 0
    for number in range(SPLITS):
        drawn = [draw(f"split-{number}", f"c-{n}", HALVES.weights) for n in range(HALVES.contacts)]
        sides = np.array(drawn) == "b"
        for policy, campaign in LOGS:
            judged = at_each_look(column(policy, campaign, 4), sides)
            won += any(each.verdict is Verdict.WON for each in judged)
            peeked += any(abs(each.seen.scores["b"]) >= SCORE for each in judged)

    many = binom.ppf(0.999, SPLITS * len(LOGS), ALPHA)
    assert won <= many < peeked  # which is why a look asks for more than a single test


def at_each_look(clicks: np.ndarray[Any, Any], sides: np.ndarray[Any, Any]) -> list[Judgement]:
    """Judge a split of one log at each of its looks, as far as the log has come by then."""
    judged = []
    for look in range(1, LOOKS + 1):
        part = contacts_for(HALVES, look)
        both, b = int(clicks[:part].sum()), int(clicks[:part][sides[:part]].sum())
        contacts = {"a": int((~sides[:part]).sum()), "b": int(sides[:part].sum())}
        judged.append(judge(HALVES, counted(contacts, {"a": both - b, "b": b}), look=look))
    return judged


@pytest.mark.parametrize(("policy", "campaign"), LOGS)
def test_the_guard_of_the_split_is_quiet_where_items_came_by_lot_and_rings_where_not(
    policy, campaign
):
    names = [str(item) for item in range(ITEMS[campaign])]
    shown = Counter(one.item for one in log(policy, campaign))
    clicks = Counter(one.item for one in log(policy, campaign) if one.clicked)
    judged = judge(plan(equal(names), 10_000, looks=1), counted(shown, clicks), look=1)

    assert judged.verdict is (Verdict.NO_WINNER if policy == "random" else Verdict.MISMATCH)
    counts = np.bincount(column(policy, campaign, 2), minlength=ITEMS[campaign])
    assert [shown[name] for name in names] == counts.tolist()
    assert judged.seen.mismatch_p == pytest.approx(chisquare(counts).pvalue, rel=1e-6, abs=1e-300)


@pytest.mark.parametrize("campaign", ITEMS)
def test_the_guard_rings_after_a_few_hundred_that_did_not_come_by_lot(campaign):
    weights = equal(str(item) for item in range(ITEMS[campaign]))
    first = {
        policy: Counter(one.item for one in log(policy, campaign)[:500]) for policy in POLICIES
    }

    assert mismatch(first["random"], weights) > MISMATCH_P > mismatch(first["bts"], weights)
