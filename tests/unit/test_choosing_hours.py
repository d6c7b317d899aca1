"""The hour that is chosen for one contact, from real rows; our own doing teaches nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from sekvens.audiences.figures import keep_send_hours
from sekvens.db.session import Database
from sekvens.engagement.tables import Engagement
from sekvens.events.tables import ContactEvent
from sekvens.flows.builder import best_time, hours
from sekvens.flows.commands import NextBestTime
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.tables import Message
from sekvens.metrics.tables import OrderResult
from sekvens.send_time.activity import Counts, count_hours
from sekvens.send_time.best import HOURS, Cohort
from sekvens.send_time.choosing import BestTimes, Choice, keep_choice
from sekvens.send_time.figures import keep_known, read_known
from sekvens.send_time.lift import Tally, lift_of, tallies
from sekvens.send_time.quiet_hours import QuietHours
from sekvens.send_time.section import SendTimeSettings
from starter import main
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON
from tests.unit.sending import PostOffice

#: Local midnight where the contact lives (Helsinki), the day before.
MIDNIGHT = datetime(2026, 3, 3, 22, tzinfo=UTC)
NEVER = QuietHours(begins=NOON.time(), ends=NOON.time())
QUESTION = NextBestTime(
    not_before=MIDNIGHT + hours(48), best_time=best_time("08:00", "20:00", otherwise="10:00")
)
ALL_BEST = SendTimeSettings(random_share=0, fixed_share=0)


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


def visits(office: PostOffice, hour: float, *, days: int) -> None:
    """Let the contact look at a product once a day, at this hour of their clock."""
    with office.database.write() as session:
        session.add_all(
            ContactEvent(
                message_id=f"visit-{hour}-{day}",
                type="track",
                name="Product Viewed",
                contact_id=office.contact_id,
                properties={},
                occurred_at=MIDNIGHT + hours(hour) - timedelta(days=day),
                received_at=NOON,
            )
            for day in range(1, days + 1)
        )


def letters(office: PostOffice, hour: float, *, days: int, clicked: bool = False) -> None:
    """Send the contact a marketing message a day, at this hour of their clock."""
    with office.database.write() as session:
        for day in range(1, days + 1):
            at, name = MIDNIGHT + hours(hour) - timedelta(days=day), f"m-{hour}-{day}"
            session.add(letter(office, name, at))
            session.flush()
            machine = Engagement(
                kind="click", source="link", message_id=name, contact_id=office.contact_id, at=at,
                is_machine=True, reason="head",
            )  # fmt: skip
            session.add(machine)
            if clicked:
                session.add(
                    Engagement(
                        kind="click", source="link", message_id=name, at=at, is_machine=False,
                        contact_id=office.contact_id,
                    )
                )  # fmt: skip


def letter(office: PostOffice, name: str, at: datetime) -> Message:
    """Make a marketing message that left at an instant."""
    return Message(
        id=name,
        enrollment_id="e-1",
        step_id=name,
        contact_id=office.contact_id,
        flow="letters",
        flow_version=1,
        template="letters/hello",
        template_digest="d",
        purpose="marketing",
        state="accepted",
        claimed_at=at,
        accepted_at=at,
        sent_on=at,
    )


def counted(office: PostOffice, *, mine: bool = True) -> Counts:
    with office.database.read() as session:
        whose = office.contact_id if mine else None
        return count_hours(session, now=NOON, zone="Europe/Stockholm", contact_id=whose)


def known(office: PostOffice, hour: int, *, clicks: int = 200, activity: int = 1_000) -> None:
    """Let the shop know its hours: most is done at one of them."""
    counts = Counts(sends=[1_000] * HOURS)
    counts.activity[hour], counts.clicks[0] = activity, clicks
    with office.database.write() as session:
        keep_known(session, counts, now=NOON)


def choice(office: PostOffice, given: SendTimeSettings = ALL_BEST) -> Choice:
    with office.database.read() as session:
        return BestTimes(sample_shop(), NEVER, given).choose(
            session, QUESTION, contact_id=office.contact_id, seed="e-1/a-day", now=NOON
        )


def hour_of(chosen: Choice) -> int:
    return (chosen.at - QUESTION.not_before) // hours(1)


@pytest.mark.parametrize("given", [{}, {"clicks": 199}, {"activity": 999}])
def test_it_is_the_fixed_hour_until_enough_is_known(office: PostOffice, given: dict[str, int]):
    visits(office, 19.5, days=30)
    if given:
        known(office, 19, **given)

    chosen = choice(office)

    assert (hour_of(chosen), chosen.cohort) == (10, None)


def test_from_then_on_the_shops_hour_and_then_the_contacts_own(office: PostOffice):
    known(office, 19)
    first = choice(office)
    visits(office, 9.25, days=30)

    assert (hour_of(first), first.cohort) == (19, Cohort.BEST)
    assert hour_of(choice(office)) == 9


def test_the_holdout_gets_the_fixed_hour_and_chance_has_its_share(office: PostOffice):
    known(office, 19)
    held, drawn = choice(office, all_of(Cohort.FIXED)), choice(office, all_of(Cohort.RANDOM))

    assert (hour_of(held), held.cohort) == (10, Cohort.FIXED)
    assert 8 <= hour_of(drawn) <= 20
    assert drawn.cohort == Cohort.RANDOM
    assert choice(office, all_of(Cohort.RANDOM)) == drawn


def all_of(cohort: Cohort) -> SendTimeSettings:
    """Put every contact into one cohort; the settings file would refuse it."""
    shares = {f"{each}_share": float(each == cohort) for each in ("random", "fixed")}
    return SendTimeSettings(**shares)  # type: ignore[arg-type]


def test_what_follows_our_own_mail_does_not_move_the_hour(office: PostOffice):
    known(office, 19)
    letters(office, 13.0, days=60)
    visits(office, 13.5, days=60)

    assert sum(counted(office).activity) == 0
    assert hour_of(choice(office)) == 19


def test_what_comes_of_itself_counts_though_there_was_mail_that_day(office: PostOffice):
    letters(office, 13.0, days=3)
    visits(office, 9.5, days=3)
    visits(office, 20.0, days=2)

    activity = counted(office).activity

    assert {hour: count for hour, count in enumerate(activity) if count} == {9: 3, 20: 2}


def test_hours_are_the_contacts_own_and_old_days_are_left_out(office: PostOffice):
    visits(office, 7.5, days=200)

    activity = counted(office, mine=False).activity

    assert [hour for hour, count in enumerate(activity) if count] == [7]
    assert 88 <= activity[7] <= 90


def test_people_click_and_machines_do_not(office: PostOffice):
    letters(office, 10.0, days=4)
    letters(office, 18.0, days=3, clicked=True)

    counts = counted(office, mine=False)

    assert (counts.sends[10], counts.clicks[10]) == (4, 0)
    assert (counts.sends[18], counts.clicks[18]) == (3, 3)


def test_the_shops_hours_are_worked_out_once_a_day(office: PostOffice):
    def keep(after: timedelta) -> int:
        now = NOON + after
        keep_send_hours(office.database, sample_shop(), now=now, shop_time=ShopTime())
        with office.database.read() as session:
            found = read_known(session)
        assert found is not None
        return found.activity

    visits(office, 9.0, days=5)
    first = keep(timedelta(0))
    visits(office, 12.0, days=5)

    assert (first, keep(hours(1)), keep(hours(23))) == (5, 5, 10)


def test_the_message_that_an_hour_was_chosen_for_is_counted_and_no_other(
    office: PostOffice,
) -> None:
    names = {"enrollment_id": "e-1", "contact_id": office.contact_id}
    chosen = Choice(at=NOON, cohort=Cohort.FIXED)
    with office.database.write() as session:
        again = replace(chosen, cohort=Cohort.BEST)
        keep_choice(session, again, step_id="a-night", now=NOON, **names)
        keep_choice(session, chosen, step_id="a-night", now=NOON, **names)  # asked again
    left(office, "hello", NOON + hours(1))  # no send behind the wait
    before = told(office)
    left(office, "your-cart", NOON + hours(2))

    assert before[Cohort.FIXED] == Tally(sends=0, clicks=0)
    assert told(office)[Cohort.FIXED] == Tally(sends=1, clicks=0)
    assert told(office)[Cohort.BEST] == Tally(sends=0, clicks=0)


@pytest.mark.parametrize(
    ("held", "later", "tally"),
    [
        (1, 24.9, Tally(sends=1, clicks=1, orders=1)),
        (1, 25, Tally(sends=1, clicks=0, orders=0)),
        (24, 25, Tally(sends=0, clicks=0)),
        (-1, 1, Tally(sends=0, clicks=0)),
    ],
)
def test_what_is_done_within_a_day_of_the_message_counts_for_its_hour(
    office: PostOffice, held: float, later: float, tally: Tally
) -> None:
    """`held`: hours from the choice until the message; `later`: until the click and the order."""
    with office.database.write() as session:
        keep_choice(
            session, Choice(at=NOON, cohort=Cohort.BEST), enrollment_id="e-1",
            contact_id=office.contact_id, step_id="a-night", now=NOON,
        )  # fmt: skip
    left(office, "your-cart", NOON + hours(held))
    at = NOON + hours(later)
    with office.database.write() as session:
        for each, is_machine in ((NOON + hours(held), True), (at, False)):
            session.add(
                Engagement(
                    kind="click", source="link", message_id="your-cart", at=each,
                    contact_id=office.contact_id, is_machine=is_machine,
                )
            )  # fmt: skip
        session.add(
            OrderResult(
                contact_id=office.contact_id, order_id="o", ordered_at=at, nth=1,
                message_id="your-cart",
            )
        )  # fmt: skip

    assert told(office)[Cohort.BEST] == tally


def told(office: PostOffice) -> dict[Cohort, Tally]:
    with office.database.read() as session:
        return tallies(session, now=NOON)


def left(office: PostOffice, step: str, at: datetime) -> None:
    """Let the message of a step of the contact's flow leave."""
    with office.database.write() as session:
        session.add(letter(office, step, at))


def test_a_lift_is_told_with_its_interval_and_not_before_it_is_known() -> None:
    lift = lift_of(Tally(10_000, 600), Tally(2_000, 100))

    assert lift is not None
    assert lift.value == pytest.approx(0.2)
    # Katz, by hand: √(1/600 + 1/100 less 1/10000 and 1/2000) is 0.1052, and exp(1.96 x that) 1.229
    assert (lift.low, lift.high) == pytest.approx((1.2 / 1.229 - 1, 1.2 * 1.229 - 1), abs=1e-3)
    assert lift_of(Tally(10_000, 600), Tally(2_000, 19)) is None
    assert lift_of(Tally(0, 0), Tally(0, 0)) is None


def test_the_command_tells_the_shops_hours_and_one_contacts(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEKVENS_DATABASE__URL", str(office.database.engine.url))
    early = CliRunner().invoke(main, ["send-time"])
    known(office, 19)
    shop = CliRunner().invoke(main, ["send-time"])
    mine = CliRunner().invoke(main, ["send-time", "--contact", office.contact_id])

    assert "Nothing is known yet" in early.output
    assert "200 clicks by people of 200 wanted" in shop.output
    assert "hours are chosen" in shop.output
    assert "is not yet known" in shop.output
    assert f"{office.contact_id}: Europe/Helsinki, cohort " in mine.output


def test_every_setting_stands_in_the_page_about_send_time_with_its_default() -> None:
    page = Path("docs/how-to/send-time.md").read_text(encoding="utf-8")
    given = msgspec.structs.asdict(SendTimeSettings())

    assert [
        name for name, value in given.items() if f"`send_time.{name}` | {value} |" not in page
    ] == []
