"""The Monday mail: what it says, to whom it goes, and that it never goes twice."""

import json
import logging
import threading
from dataclasses import asdict, replace
from datetime import date, timedelta
from decimal import Decimal
from html import unescape

import pytest
from sqlalchemy import select

from sekvens.db.session import Database
from sekvens.errors import OutcomeUnknown, SesRejected, SesThrottled
from sekvens.experiments.intervals import Effect
from sekvens.messages.tables import MessageState
from sekvens.metrics.tables import MetricCount
from sekvens.reviews.tables import Review
from sekvens.ses.testing import TakenThen
from sekvens.staff import accounts
from sekvens.staff.monday.gains import Gain
from sekvens.staff.monday.letter import BOARD, PLACES, Reader, letter
from sekvens.staff.monday.needs import Need, NeedKind, needs
from sekvens.staff.monday.posting import MondayPost
from sekvens.staff.monday.wire import MondayResult
from sekvens.staff.tables import MondayMail
from sekvens.switches.tables import BREAKER, SwitchState
from sekvens.switches.turning import turn
from sekvens.web.dashboard.pages import PAGES
from tests.unit.ingesting import Shop, identify, track
from tests.unit.mondays import (
    ADDRESS,
    BEFORE,
    LAST,
    NOW,
    THIS_WEEK,
    Office,
    counted,
    earns,
    subscriber,
)
from tests.unit.offering import Till
from tests.unit.staffing import PASSWORD, quick_scrypt  # noqa: F401  a fixture

READER = Reader(
    name="doris", language="en", shop="Garn", currency="SEK", public_url="https://post.shop.example"
)


def rows(database: Database) -> list[tuple[str, date, str, int]]:
    with database.read() as session:
        found = session.scalars(select(MondayMail).order_by(MondayMail.name, MondayMail.monday))
        return [(row.name, row.monday, row.state, row.attempts) for row in found]


def told(office: Office, name: str = "doris"):
    with office.database.read() as session:
        member = accounts.named(session, name)
    written, html, text = office.post.written(member)
    return written, html, " ".join(text.split())


def test_it_tells_what_the_flows_earned_beside_the_week_before(database: Database):
    subscriber(database)
    counted(database)
    for flow, amount, day in (
        ("winback", 1200, LAST), ("welcome", 300, LAST), ("welcome", 1000, BEFORE),
        ("welcome", 5000, THIS_WEEK), ("welcome", 5000, date(2026, 2, 15)),
    ):  # fmt: skip
        earns(database, flow, amount, day)
    said, _, text = told(Office(database))

    assert said.subject == "Vecka 9: flödena gav 1\xa0500\xa0kr"
    assert "Vecka 9, 23\xa0februari\u20131\xa0mars".replace("\xa0", " ") in text
    assert "på 6 beställningar. Det är 50 % mer än veckan före, då det var 1 000 kr." in text
    assert [row[0] for row in said.sections[0].rows] == ["winback", "welcome"]
    assert "Det är 100 % av allt som såldes." in text


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (0, 0, "No order came of an e-mail. The week before it was nothing."),
        (0, 500, "No order came of an e-mail. The week before it was SEK 500."),
        (500, 0, "with 3 orders. The week before it was nothing."),
        (500, 1000, "That is 50% less than the week before"),
        (500, 500, "That is as much as the week before."),
    ],
)
def test_a_change_is_said_in_words_that_fit(
    sqlite_database: Database, now: int, before: int, said: str
):
    subscriber(sqlite_database, language="en")
    for amount, day in ((now, LAST), (before, BEFORE)):
        if amount:
            earns(sqlite_database, "welcome", amount, day)
    _, _, text = told(Office(sqlite_database))

    assert said in text
    assert "Nothing has been counted yet" in text


def test_flows_beyond_the_sixth_are_added_up(sqlite_database: Database):
    subscriber(sqlite_database)
    for nth in range(8):
        earns(sqlite_database, f"flow-{nth}", 100 * (nth + 1))
    said, _, _ = told(Office(sqlite_database))

    assert [row[0] for row in said.sections[0].rows][-2:] == ["flow-2", "övriga"]
    assert said.sections[0].rows[-1][1] == "300\xa0kr"


def test_it_tells_what_discounts_cost_and_of_what_nobody_knows(sqlite_database: Database):
    subscriber(sqlite_database, language="en")
    office = Office(sqlite_database)
    till = Till(sqlite_database)
    till.claim("e-1", office.settings.shop.offers["welcome"], name="welcome")
    till.claim("e-2", office.settings.shop.offers["nudge"], name="nudge")
    codes = {each.code for each in (till.claim(f"e-{n}", office.settings.shop.offers[name],
             name=name) for n, name in ((1, "welcome"), (2, "nudge")))}  # fmt: skip
    for nth, code in enumerate(sorted(codes)):
        till.shop.post(track("Order Completed", order_id=f"o-{nth}", coupon=code, total="400",
                             currency="SEK", ago=7 * 24 * 60))  # fmt: skip
    said, _, _ = told(office)

    assert said.sections[1].title == "The discounts"
    assert "codes were redeemed, which cost SEK" in said.sections[1].paragraphs[0]


def test_it_says_what_needs_a_person_and_leads_there(database: Database):
    subscriber(database, language="en")
    shop = Shop(database)
    shop.post(identify("astrid"))
    contact_id = shop.contact_id("astrid")
    with database.write() as session:
        turn(session, BREAKER, SwitchState.PAUSED, by="breaker", note="x", now=NOW)
        turn(session, "welcome", SwitchState.PAUSED, by="maja", note=None, now=NOW)
        for n in (1, 2):
            session.add(Review(id=f"r-{n}", product_id="p", contact_id=contact_id, author="A",
                               rating=5, text="Fin.", written_on=NOW, source="import",
                               state="pending", changed_at=NOW))  # fmt: skip
    office = Office(database)
    with database.read() as session:
        found = needs(session, now=NOW, shop_now=NOW)
    said, html, text = told(office)

    assert found == (
        Need(kind=NeedKind.BREAKER, number=1), Need(kind=NeedKind.SWITCHES, number=1),
        Need(kind=NeedKind.REVIEWS, number=2),
    )  # fmt: skip
    assert said.preheader == "3 things wait for you."
    assert "2 reviews to read <http://127.0.0.1:8080/staff>" in text
    assert 'href="http://127.0.0.1:8080/staff/deliverability"' in html


def test_each_link_leads_to_a_page_of_the_dashboard():
    paths = {page.path for page in PAGES}

    assert {*PLACES.values(), BOARD} <= paths
    assert set(PLACES) == set(NeedKind)


def test_it_tells_what_holdouts_have_shown_and_what_is_not_known_yet(sqlite_database: Database):
    office = Office(sqlite_database)
    with sqlite_database.read() as session:
        week = office.post._told(session)
    known = Gain(flow="winback", since=NOW, contacts=900,
                 revenue=Effect(low=900, value=4200.4, high=7500))  # fmt: skip
    unsure = replace(known, flow=None, revenue=Effect(low=-5, value=10, high=25))
    told_all = replace(week, gains=(known, unsure, replace(known, flow="x", revenue=None)))
    section = letter(told_all, READER, counted_at=None).sections[2]

    assert section.title == "What would not have come anyway"
    assert [" ".join(each.split()) for each in section.paragraphs] == [
        "winback: SEK 4,200 since 4 March. 19 times in 20 it lies between SEK 900 and SEK 7,500.",
        "All marketing: not yet known. Since 4 March the lot keeps some contacts out.",
        "x: not yet known. Since 4 March the lot keeps some contacts out.",
    ]


def test_where_nothing_waits_it_says_so(sqlite_database: Database):
    subscriber(sqlite_database)
    said, _, text = told(Office(sqlite_database))

    assert said.preheader == "Ingenting väntar på dig."
    assert "Ingenting väntar. Allt sköter sig självt." in text


def test_both_parts_say_the_same(sqlite_database: Database):
    subscriber(sqlite_database)
    earns(sqlite_database, "winback", 1200)
    said, html, text = told(Office(sqlite_database))
    parts = [
        *(each for section in said.sections for each in (section.title, *section.paragraphs)),
        *(cell for section in said.sections for row in section.rows for cell in row),
        said.board.text,
        *said.small,
    ]

    for each in parts:
        assert " ".join(each.split()) in text
        assert each in unescape(html)


def test_a_flows_name_is_text_and_no_markup(sqlite_database: Database):
    subscriber(sqlite_database)
    earns(sqlite_database, "<script>alert(1)</script>", 1200)
    _, html, _ = told(Office(sqlite_database))

    assert "&lt;script&gt;" in html
    assert "<script" not in html


def test_it_goes_to_whoever_asked_for_it_has_an_address_and_may_log_in(database: Database):
    subscriber(database)
    subscriber(database, "maja", email="maja@shop.example", language="en")
    subscriber(database, "bengt", email="bengt@shop.example")
    subscriber(database, "elsa", email="elsa@shop.example")
    with database.write() as session:
        accounts.disable(session, "bengt", now=NOW)
        accounts.write_to(session, "elsa", monday=False)
    office = Office(database)
    result = office.post.send()

    assert result == MondayResult(sent=2)
    assert {taken.recipient for taken in office.ses.accepted} == {ADDRESS, "maja@shop.example"}
    assert rows(database) == [
        ("doris", THIS_WEEK, MessageState.ACCEPTED, 1),
        ("maja", THIS_WEEK, MessageState.ACCEPTED, 1),
    ]


def test_nobody_gets_one_weeks_twice_and_everybody_the_next_weeks(database: Database):
    subscriber(database)
    office = Office(database)
    results = [office.post.send(), office.another().send(), office.post.send("doris")]
    office.clock.move(timedelta(weeks=1))
    results.append(office.post.send())

    assert results == [
        MondayResult(sent=1), MondayResult(sent_before=1), MondayResult(sent_before=1),
        MondayResult(sent=1),
    ]  # fmt: skip
    assert office.ses.calls == 2


def test_of_many_who_send_at_once_one_calls_ses(database: Database):
    subscriber(database)
    office = Office(database)
    results: list[MondayResult] = []
    posts = [office.another() for _ in range(4)]
    threads = [
        threading.Thread(target=lambda post=post: results.append(post.send())) for post in posts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert office.ses.calls == 1
    assert sum(each.sent for each in results) == 1
    assert sum(each.sent_before for each in results) == 3


@pytest.mark.parametrize("fault", [OutcomeUnknown("x"), TakenThen(OutcomeUnknown("x"))])
def test_after_an_unknown_outcome_ses_is_not_called_again(
    sqlite_database: Database, fault: BaseException | TakenThen
):
    subscriber(sqlite_database)
    office = Office(sqlite_database)
    office.ses.faults.append(fault)
    first, second = office.post.send(), office.another().send()

    assert (first, second) == (MondayResult(in_doubt=1), MondayResult(sent_before=1))
    assert office.ses.calls == 1
    assert rows(sqlite_database) == [("doris", THIS_WEEK, MessageState.DISPATCHING, 1)]


def test_the_row_is_committed_before_ses_is_called_and_a_death_in_between_sends_no_second(
    database: Database,
):
    subscriber(database)
    office = Office(database)
    office.ses.faults.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        office.post.send()

    assert rows(database) == [("doris", THIS_WEEK, MessageState.DISPATCHING, 1)]
    assert office.another().send() == MondayResult(sent_before=1)
    assert office.ses.calls == 1


def test_what_ses_certainly_did_not_take_is_sent_later(database: Database):
    subscriber(database)
    office = Office(database)
    office.ses.faults.extend([SesThrottled("x"), SesThrottled("x")])
    results = [office.post.send() for _ in range(3)]

    assert results == [MondayResult(held=1), MondayResult(held=1), MondayResult(sent=1)]
    assert rows(database) == [("doris", THIS_WEEK, MessageState.ACCEPTED, 3)]


def test_a_doubt_after_an_attempt_that_was_held_is_a_doubt_too(sqlite_database: Database):
    subscriber(sqlite_database)
    office = Office(sqlite_database)
    office.ses.faults.extend([SesThrottled("x"), OutcomeUnknown("x")])
    results = [office.post.send() for _ in range(3)]

    assert results[1:] == [MondayResult(in_doubt=1), MondayResult(sent_before=1)]
    assert rows(sqlite_database) == [("doris", THIS_WEEK, MessageState.DISPATCHING, 2)]


def test_what_ses_refuses_for_good_is_not_tried_again_and_holds_up_nobody_else(
    sqlite_database: Database,
):
    subscriber(sqlite_database)
    subscriber(sqlite_database, "maja", email="maja@shop.example")
    office = Office(sqlite_database)
    office.ses.faults.append(SesRejected("x"))
    first, second = office.post.send(), office.post.send()

    assert first == MondayResult(skipped=1, sent=1)
    assert second == MondayResult(sent_before=2)


def test_outside_production_only_addresses_on_the_allow_list_are_written_to(
    sqlite_database: Database,
):
    subscriber(sqlite_database)
    closed = Office(sqlite_database, SENDING__PRODUCTION="false")
    opened = Office(
        sqlite_database, SENDING__PRODUCTION="false", SENDING__ALLOW_LIST="@shop.example"
    )

    assert (closed.post.send(), closed.ses.calls) == (MondayResult(skipped=1), 0)
    assert opened.post.send() == MondayResult(sent=1)


def test_no_address_and_no_name_leaves_by_log_or_by_what_temporal_is_told(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture
):
    subscriber(sqlite_database)
    office = Office(sqlite_database)
    office.ses.faults.extend([SesThrottled("x"), OutcomeUnknown("x")])
    with caplog.at_level(logging.DEBUG):
        results = [office.post.send(), office.post.send()]

    said = json.dumps([asdict(each) for each in results]) + "".join(
        each.sentence for each in results
    )
    said += "".join(str(record.__dict__) + record.getMessage() for record in caplog.records)
    assert "monday_mail_not_sent" in said
    assert ADDRESS not in said
    assert "doris" not in said


def test_it_says_that_a_machine_wrote_it_and_opens_are_not_noted(sqlite_database: Database):
    subscriber(sqlite_database)
    office = Office(sqlite_database)
    office.post.send()
    (taken,) = office.ses.accepted

    assert taken.mail["Auto-Submitted"] == "auto-generated"
    assert taken.mail["Reply-To"] == office.settings.shop.sender.reply_to
    assert (taken.tracks_opens, "message_id" in taken.tags) == (False, False)


def test_an_account_is_written_to_only_at_an_address_that_ses_takes(database: Database):
    with database.write() as session:
        accounts.add(session, "doris", role=accounts.Role.VIEWER, password=PASSWORD, now=NOW)
    for given, said in (
        ({"email": "doris@@shop"}, "no address that SES would take"),
        ({"monday": True}, "has no address yet"),
        ({"language": "fr"}, "one of sv, en"),
    ):
        with database.write() as session, pytest.raises(accounts.StaffRefused) as refused:
            accounts.write_to(session, "doris", **given)
        assert said in str(refused.value)
        assert "@@" not in str(refused.value)
    with database.write() as session:
        accounts.write_to(session, "doris", email=ADDRESS, monday=True)
        taken = accounts.write_to(session, "doris", email="")

    assert (taken.email, taken.gets_monday) == (None, False)


def test_what_is_counted_beside_the_whole_is_not_earned_twice(sqlite_database: Database):
    subscriber(sqlite_database)
    with sqlite_database.write() as session:
        for beside in ({}, {"variant": "code/gift"}, {"segment": "loyal"}):
            session.add(MetricCount(day=LAST, name="order_by_email", flow="a", n=1, amount=100,
                                    **beside))  # fmt: skip
    office = Office(sqlite_database)
    with sqlite_database.read() as session:
        week = office.post._told(session)

    assert (week.earned, week.orders) == (1, 1)


def test_money_is_added_up_exactly(sqlite_database: Database):
    subscriber(sqlite_database)
    with sqlite_database.write() as session:
        for flow in ("a", "b", "c"):
            session.add(MetricCount(day=LAST, name="order_by_email", flow=flow, n=1, amount=10))
    office = Office(sqlite_database)
    with sqlite_database.read() as session:
        week = MondayPost._told(office.post, session)

    assert week.earned == Decimal("0.3")
