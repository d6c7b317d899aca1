"""Counts follow the facts in whatever order they come, and a crash costs nothing but time."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from sekvens.contacts.erase import erase
from sekvens.db.session import Database
from sekvens.demo.purchases import Purchase
from sekvens.flows.shop_time import shop_time
from sekvens.metrics import refresh
from sekvens.metrics.reading import Asked, read
from sekvens.metrics.refresh import Refresher
from sekvens.metrics.tables import CartResult, MetricMark
from tests.unit.ingesting import alias
from tests.unit.metering import HOUR, RULES, Deed, Meter, Post, life, purchases, sign_ups

#: Longer than a look goes back: what it does not find is not found by going back further.
LONG = timedelta(minutes=20)


@cache
def bought() -> list[Purchase]:
    return [each for each in purchases(80) if each.day >= date(1998, 6, 1)][:4]


class Living(Meter):
    """A shop in which what happens is recorded when it happens."""

    def ends(self, enrollment_id: str, reason: str, at: datetime) -> None:
        super().ends(enrollment_id, reason, max(at, self.clock.now()))


def chains(meter: Meter) -> list[Iterator[Deed]]:
    """Let each purchase happen beside the others, and some things of this moment."""
    apart = [life(meter, [purchase]) for purchase in bought()]
    users = sorted({each.customer_id for each in bought()})
    return [*apart, *(_of_this_moment(meter, user) for user in users[:2]), _of_people(meter, users)]


def _of_this_moment(meter: Meter, user: str) -> Iterator[Deed]:
    ids: dict[str, str] = {}

    def letter() -> None:
        now = meter.clock.now()
        ids["e"] = meter.enroll(meter.ids[user], "carts", f"now-{user}", now)
        ids["m"] = meter.claims(ids["e"], "one")
        meter.sends(ids["m"], now, locale="sv", tracked=(True, True))
        meter.reports(ids["m"], "delivered", now)

    def click() -> None:
        now = meter.clock.now()
        meter.does(ids["m"], "click", now, settles_at=now + timedelta(seconds=1))

    product = {"cart_id": f"now-{user}", "product_id": "p", "price": 700, "currency": "USD"}
    yield lambda: meter.post("Product Added", meter.clock.now(), user, **product)
    yield letter
    yield click
    order = {"order_id": f"now-{user}", "cart_id": f"now-{user}", "total": 700, "currency": "USD"}
    yield lambda: meter.post("Order Completed", meter.clock.now(), user, **order)
    yield meter.settles
    yield lambda: meter.post("Product Added", meter.clock.now(), user, **product | {"cart_id": "x"})


def _of_people(meter: Meter, users: list[str]) -> Iterator[Deed]:
    def forget() -> None:
        with meter.database.write() as session:
            now = meter.clock.now()
            erase(session, meter.ids[users[-1]], now=now, now_shop=now, by="maja")

    yield lambda: None
    yield lambda: meter.shop.post(alias(users[1], users[0])) and None
    yield forget


def happens(meter: Meter, seed: int) -> None:
    """Let everything happen in an order of its own, with looks at it in between."""
    chance = random.Random(seed)  # noqa: S311  no secret
    meter.join(sign_ups(meter, bought()))
    meter.refresher.refresh()  # all that follows is to be noticed
    going, late = chains(meter), []
    while going or late:
        if going and (not late or chance.random() < 0.8):
            chain = chance.choice(going)
            deed = next(chain, None)
            if deed is None:
                going.remove(chain)
            elif isinstance(deed, Post) and chance.random() < 0.5:
                late.append(deed)
            else:
                deed()
        else:
            late.pop(chance.randrange(len(late)))()
        meter.later(chance.choice([timedelta(), LONG]))
        if chance.random() < 0.04:
            meter.refresher.refresh()


@settings(max_examples=1, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 10_000))
def test_any_order_of_arrival_comes_to_what_a_full_count_comes_to(
    tmp_path_factory: pytest.TempPathFactory, sqlite_file: Any, seed: int
):
    file = tmp_path_factory.mktemp("order") / "sekvens.db"
    file.write_bytes(sqlite_file.read_bytes())
    meter = Living(Database(f"sqlite:///{file}"), seed=seed)
    happens(meter, seed)
    meter.later(24 * HOUR)
    meter.refresher.refresh()
    counted = meter.counted()

    meter.refresher.refresh(anew=True)

    meter.database.close()
    assert counted
    assert counted == meter.counted()


@pytest.fixture
def meter(sqlite_database: Database) -> Meter:
    meter = Living(sqlite_database)
    meter.join({"u": meter.clock.now()})
    return meter


def sent(meter: Meter, ago: timedelta) -> str:
    """Send a letter, as if some time ago."""
    at = meter.clock.now() - ago
    enrollment = meter.enroll(meter.ids["u"], "after", "k", at)
    message = meter.claims(enrollment, "one")
    meter.sends(message, at, locale="sv", tracked=(True, True))
    meter.reports(message, "delivered", at)
    return message


def value(meter: Meter, name: str, day: date) -> float | None:
    """Read a metric of one day."""
    asked = Asked(names=[name], since=day, until=day + timedelta(days=1))
    with meter.database.read() as session:
        (number,) = read(session, asked, RULES, today=day)
    return number.value


def test_what_comes_late_corrects_the_day_of_its_message(meter: Meter):
    message = sent(meter, timedelta(days=50))
    day = RULES.day_of(meter.clock.now() - timedelta(days=50))
    meter.refresher.refresh()
    before = value(meter, "complaints", day)
    meter.later(timedelta(days=3))
    meter.reports(message, "complained", meter.clock.now())

    meter.refresher.refresh()

    assert (before, value(meter, "complaints", day)) == (0, 1)


def test_a_click_that_settles_long_after_a_look_counts_all_the_same(meter: Meter):
    message, day = sent(meter, timedelta(days=50)), meter.clock.now() - timedelta(days=50)
    now = meter.clock.now()
    meter.does(message, "click", now, settles_at=now + timedelta(seconds=1))
    meter.refresher.refresh()
    meter.later(timedelta(days=1))
    meter.refresher.refresh()
    before = value(meter, "click-rate", RULES.day_of(day))
    meter.settles()

    meter.refresher.refresh()

    assert (before, value(meter, "click-rate", RULES.day_of(day))) == (0, 1)


def test_a_look_without_news_counts_nothing_and_changes_nothing(meter: Meter):
    sent(meter, timedelta(days=50))
    meter.refresher.refresh()
    meter.later(LONG)
    meter.refresher.refresh()  # what a transaction may have committed a little late
    before = meter.counted()
    meter.later(timedelta(days=5))

    days = meter.refresher.refresh()

    assert (days, meter.counted()) == (0, before)


def test_a_cart_that_begins_twice_in_one_instant_is_counted_once(meter: Meter):
    meter.join(sign_ups(meter, bought()))
    user, now = bought()[0].customer_id, meter.clock.now()
    line = {"cart_id": "twice", "product_id": "p", "price": 700, "currency": "USD"}
    ordered = {"order_id": "o-twice", "cart_id": "twice", "total": 700, "currency": "USD"}
    for name, posted in (
        ("Product Added", line), ("Order Completed", ordered), ("Product Added", line),
    ):  # fmt: skip
        meter.post(name, now, user, **posted)

    assert meter.refresher.refresh() > 0
    with meter.database.read() as session:
        [cart] = session.scalars(select(CartResult).where(CartResult.cart_id == "twice"))
    assert cart.ordered_at == now


def test_a_full_count_passes_over_days_on_which_nothing_happened(meter: Meter):
    long_ago = timedelta(days=300)
    sent(meter, long_ago)

    days = meter.refresher.refresh(anew=True)

    assert value(meter, "delivered", RULES.day_of(meter.clock.now() - long_ago)) == 1
    assert days == 4, "two days, and their months"


def test_what_was_skipped_long_ago_is_found_by_a_full_count(meter: Meter):
    at = meter.clock.now()
    meter.skips(meter.claims(meter.enroll(meter.ids["u"], "after", "k", at), "one"), "stale")
    meter.later(timedelta(days=300))

    meter.refresher.refresh(anew=True)

    assert value(meter, "skipped", RULES.day_of(at)) == 1


@pytest.mark.parametrize("day_lasts", [timedelta(days=1), timedelta(seconds=2)])
def test_of_quick_days_no_more_than_a_month_is_counted_again_and_again(
    meter: Meter, day_lasts: timedelta
):
    rules = replace(RULES, shop_time=shop_time(day_lasts, meter.clock.now()))
    meter.refresher = Refresher(database=meter.database, clock=meter.clock, rules=rules)
    sent(meter, timedelta())
    meter.refresher.refresh()
    meter.later(timedelta(minutes=5))
    meter.refresher.refresh()

    days = meter.refresher.refresh()

    assert (days > 0) == (day_lasts == timedelta(days=1))


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("after", [0, 2, 4])
def test_a_crash_at_any_moment_costs_nothing_but_time(
    meter: Meter, monkeypatch: pytest.MonkeyPatch, after: int
):
    message = sent(meter, timedelta(days=9))
    meter.refresher.refresh()
    meter.later(LONG)
    meter.reports(message, "complained", meter.clock.now())
    meter.post("Order Completed", meter.clock.now(), "u", order_id="o", total=5, currency="USD")
    calls = iter(range(100))

    def beat() -> None:
        if next(calls) == after:
            raise Killed

    try:
        meter.refresher.refresh(beat=beat)
    except Killed:
        meter.refresher.refresh()

    counted = meter.counted()
    meter.refresher.refresh(anew=True)
    assert counted == meter.counted()


def test_a_full_count_that_was_cut_off_is_begun_again(meter: Meter):
    sent(meter, timedelta(days=9))

    def beat() -> None:
        raise Killed

    with pytest.raises(Killed):
        meter.refresher.refresh(anew=True, beat=beat)

    meter.refresher.refresh()
    assert value(meter, "delivered", RULES.day_of(meter.clock.now() - timedelta(days=9))) == 1


def test_an_event_with_a_lower_number_that_is_committed_later_is_not_missed(meter: Meter):
    message = sent(meter, timedelta(days=2))
    meter.refresher.refresh()
    meter.post("Unsubscribed", meter.clock.now(), "u")
    meter.refresher.refresh()
    with meter.database.read() as session:
        through = session.get_one(MetricMark, refresh.FACTS).through_id

    assert through == 0, "an event of a moment ago is looked at again"
    assert message
