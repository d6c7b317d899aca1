"""Each way in which a flow can be wrong is found, with its step, its file and a remedy."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from sekvens.events.schema import KNOWN_EVENTS
from sekvens.flows.asking import (
    all_of,
    any_of,
    happened,
    in_stock,
    not_,
    owns_product,
    subscribed,
)
from sekvens.flows.builder import (
    MARKETING,
    TRANSACTIONAL,
    WORKDAYS,
    after,
    anniversary_of,
    audience,
    best_time,
    case,
    days,
    enroll,
    event,
    exit_flow,
    exit_on,
    flow,
    goal,
    hours,
    listen,
    local_time,
    offer_end,
    on,
    once_each,
    rest,
    send,
    set_consent,
    split,
    suppress,
    wait,
    wait_for,
    webhook,
)
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.catalogue.cart_abandonment import CART_ABANDONMENT
from sekvens.flows.catalogue.welcome import WELCOME
from sekvens.flows.definition import ExitRule, Flow
from sekvens.flows.steps import ExitReason, LocalTime, Step
from sekvens.flows.validate import Known, sells, validate, validate_all
from sekvens.messages.templates import template_names
from sekvens.settings import load_settings

STEPS = frozenset(
    {
        *(f"welcome/{step.id}" for step in WELCOME.steps),
        *(f"cart-abandonment/{step.id}" for step in CART_ABANDONMENT.steps),
        "cart-abandonment/just-a-letter",
        "cart-abandonment/the-ride-is-free",
        "cart-abandonment/a-small-nudge",
        "cart-abandonment/something-extra",
        "plain/hello",
        "plain/again",
    }
)
KNOWN = Known(
    events=frozenset(
        {
            "Email Subscribed",
            "Product Added",
            "Product Viewed",
            "Cart Viewed",
            "Cart Emptied",
            "Checkout Started",
            "Order Completed",
            "Order Shipped",
            "Unsubscribed",
        }
    ),
    templates={"sv": STEPS, "en": STEPS},
    offers={name: days(14) for name in ("welcome", "free-shipping", "nudge", "gift")},
    locales=("sv", "en"),
    second_subjects={"sv": frozenset({"plain/hello"}), "en": frozenset({"plain/hello"})},
    flows={"plain": None, "sunset": None, "cart-abandonment": "cart_id"},
    webhooks=frozenset({"stock"}),
    suppressions=frozenset({"inactive", "manual"}),
)

#: What the flows that ship are written for.
REAL = replace(
    KNOWN,
    events=KNOWN_EVENTS,
    templates={locale: frozenset(template_names()) for locale in ("sv", "en")},
    offers={
        name: timedelta(days=offer.days) for name, offer in load_settings().shop.offers.items()
    },
    second_subjects=dict.fromkeys(
        ("sv", "en"), frozenset({"birthday/birthday-gift", "winback/why-you-chose-us"})
    ),
    flows={each.name: each.entry_key for each in CATALOGUE},
)

PLAIN = flow(
    "plain",
    version=1,
    purpose=MARKETING,
    trigger=event("Email Subscribed"),
    steps=[send("hello"), wait("a-day", days(1)), send("again")],
)

CANCELLED = ExitReason.CANCELLED
SOME_ORDERS = ExitRule(pattern=event("Order Completed", channel="web"), reason=ExitReason.CONVERTED)


def reminded(pause: Step, last: Step | None = None) -> tuple[Step, ...]:
    """Make an offer that holds for 14 days, and tell of it again after a pause."""
    return send("hello", offer="welcome"), pause, last or send("last-day", offer="welcome")


def of(*steps: Step) -> Flow:
    return replace(PLAIN, steps=steps)


@pytest.mark.parametrize("shipped", CATALOGUE, ids=lambda shipped: shipped.name)
def test_a_flow_that_ships_has_no_fault(shipped: Flow) -> None:
    faults = validate(shipped, REAL)

    assert faults == []


def test_an_offers_days_count_from_the_first_email_that_carries_it() -> None:
    end = offer_end("welcome", at="09:00")
    last = send("last-day", offer="welcome", lateness_max=hours(15))
    late = replace(
        WELCOME, steps=(wait("a-month", days(30)), *reminded(wait("w", until=end), last))
    )

    assert validate(replace(WELCOME, steps=reminded(wait("late", days(10)))), KNOWN) == []
    assert validate(late, KNOWN) == []


def test_the_flow_that_the_broken_copies_are_made_from_has_no_fault() -> None:
    faults = validate(PLAIN, KNOWN)

    assert faults == []


PLANTED = {
    # names
    "a name with capitals": (replace(WELCOME, name="Welcome"), None, "no name for a flow"),
    "a version of nought": (replace(PLAIN, version=0), None, "version 0"),
    "no steps": (of(), None, "no steps"),
    "an id with a space": (of(send("hello"), exit_flow("the end")), "the end", "no step id"),
    "an id used twice": (
        of(wait("a-day", days(1)), split("which", otherwise=[exit_flow("a-day")])),
        "a-day",
        "two steps have this id",
    ),
    # events
    "an unknown trigger": (
        replace(PLAIN, trigger=event("Newsletter")),
        None,
        "no event is called 'Newsletter'",
    ),
    "an unknown exit event": (
        replace(PLAIN, exit_when=(exit_on("Order Complete", ExitReason.CONVERTED),)),
        None,
        "Did you mean 'Order Completed'?",
    ),
    "an unknown goal": (replace(PLAIN, goal=goal("Bought", within=days(1))), None, "'Bought'"),
    "an unknown restart": (of(wait("a-day", days(1), restart_on="Added")), "a-day", "'Added'"),
    "an unknown event waited for": (
        of(wait_for("looks", event("Looked"), timeout=days(1))),
        "looks",
        "'Looked'",
    ),
    "an unknown event in an entry condition": (
        replace(PLAIN, entry=(any_of(subscribed(), not_(happened("Bought"))),)),
        None,
        "'Bought'",
    ),
    "an unknown event in a split": (
        of(split("who", case(all_of(happened("Bought")), send("hello")), otherwise=[])),
        "who",
        "'Bought'",
    ),
    # templates and offers
    "a template that nobody wrote": (of(send("letter")), "letter", "missing in sv, en"),
    "a template under another name": (
        of(send("hello", template="plain/hallo")),
        "hello",
        "plain/hallo.sv.md",
    ),
    "an unknown offer": (
        replace(WELCOME, steps=(send("hello", offer="cake"),)),
        "hello",
        "no offer 'cake'. Add [shop.offers.cake] to the settings, or name one of: free-shipping,",
    ),
    "an offer that ends before its reminder": (
        replace(WELCOME, steps=reminded(wait("late", days(14)))),
        "last-day",
        "holds for 13 days and the rest of a day after the first e-mail that carries it",
    ),
    "an offer that ends while its reminder may still be late": (
        replace(WELCOME, steps=reminded(wait("late", days(11)))),
        "last-day",
        "may leave after 14 days",
    ),
    "an offer that ends before a reminder in another branch": (
        replace(
            WELCOME,
            steps=(
                split(
                    "bought",
                    case(happened("Order Shipped"), send("hello", offer="welcome")),
                    otherwise=[],
                ),
                wait("late", days(14)),
                send("last-day", offer="welcome"),
            ),
        ),
        "last-day",
        "holds for 13 days",
    ),
    "a reminder on the last day that may be a day late": (
        replace(
            WELCOME,
            steps=reminded(wait("until-the-end", until=offer_end("welcome", at="09:00"))),
        ),
        "last-day",
        "waits for the last day of the offer 'welcome', and may leave after that",
    ),
    # purpose
    "a transactional send that does not say why": (
        of(send("hello", purpose=TRANSACTIONAL)),
        "hello",
        "no unsubscribe link",
    ),
    "a transactional send whose reason is blank": (
        of(send("hello", purpose=TRANSACTIONAL, because=" ")),
        "hello",
        "no unsubscribe link",
    ),
    "a transactional send that makes an offer": (
        replace(WELCOME, steps=(send("hello", purpose=TRANSACTIONAL, because="x", offer="nudge"),)),
        "hello",
        "makes an offer without a way to unsubscribe",
    ),
    "a transactional flow that sells": (
        replace(CART_ABANDONMENT, purpose=TRANSACTIONAL),
        "last-word",
        "no unsubscribe link",
    ),
    # exits, goal, entry
    "no exit on purchase where an offer is made": (
        replace(PLAIN, steps=(send("hello", offer="welcome"),)),
        None,
        "goes on selling",
    ),
    "no exit on purchase where the trigger is shopping": (
        replace(PLAIN, trigger=event("Product Viewed")),
        None,
        "goes on selling",
    ),
    "no exit on purchase where one is hoped for": (
        replace(PLAIN, goal=goal("Order Completed", within=days(1))),
        None,
        "goes on selling",
    ),
    "an exit on some purchases only": (
        replace(CART_ABANDONMENT, exit_when=(SOME_ORDERS,), goal=None),
        None,
        "goes on selling",
    ),
    "a goal that is no exit": (
        replace(PLAIN, goal=goal("Cart Viewed", within=days(1))),
        None,
        "is no exit rule",
    ),
    "a goal that ends the flow for another reason": (
        replace(WELCOME, exit_when=(exit_on("Order Completed", ExitReason.SUPERSEDED),)),
        None,
        "is no exit rule with the reason CONVERTED",
    ),
    "an exit rule behind one that always wins": (
        replace(PLAIN, exit_when=(exit_on("Cart Emptied", ExitReason.CANCELLED),) * 2),
        None,
        "comes after one that always wins",
    ),
    "a cart without its id": (replace(CART_ABANDONMENT, entry_key=None), None, "no entry_key"),
    # reach
    "a step after the end": (of(exit_flow("end"), send("hello")), "hello", "nobody ever gets here"),
    "a step after branches that all end": (
        of(
            wait_for(
                "looks",
                event("Cart Viewed"),
                timeout=days(1),
                then=[exit_flow("yes")],
                otherwise=[exit_flow("no")],
            ),
            send("hello"),
        ),
        "hello",
        "nobody ever gets here",
    ),
    "a case that an earlier one hides": (
        of(split("who", case(subscribed()), case(subscribed(), send("hello")), otherwise=[])),
        "who",
        "never taken",
    ),
    "a case behind one that always holds": (
        of(split("who", case(all_of()), case(subscribed(), send("hello")), otherwise=[])),
        "who",
        "never taken",
    ),
    "a split without a case": (of(split("who", otherwise=[])), "who", "decides nothing"),
    "a wait for an event that ends the flow": (
        of(wait_for("leaves", event("Unsubscribed"), timeout=days(1))),
        "leaves",
        "an exit rule ends the flow on that",
    ),
    # durations
    "a wait of nothing": (of(wait("a-day", days(0))), "a-day", "its duration is not positive"),
    "a wait that goes back, until a time": (
        of(wait("a-day", days(-1), until=local_time("09:00"))),
        "a-day",
        "its duration is not positive",
    ),
    "a wait-for without time": (
        of(wait_for("looks", event("Cart Viewed"), timeout=days(0))),
        "looks",
        "its timeout is not positive",
    ),
    "a wait until no weekday": (
        of(wait("a-day", days(1), until=local_time("09:00", weekdays=()))),
        "a-day",
        "it waits for a weekday in ()",
    ),
    "a wait until an eighth weekday": (
        of(wait("a-day", days(1), until=LocalTime(at=time(9), weekdays=(7,)))),
        "a-day",
        "(7,)",
    ),
    "a best hour on no weekday": (
        of(wait("a-day", until=best_time("08:00", "20:00", otherwise="10:00", weekdays=()))),
        "a-day",
        "it waits for a weekday in ()",
    ),
    "a best hour in a window over midnight": (
        of(wait("a-day", until=best_time("20:00", "08:00", otherwise="20:00"))),
        "a-day",
        "goes over midnight",
    ),
    "a best hour in a window of minutes": (
        of(wait("a-day", until=best_time("12:00", "12:59", otherwise="12:00"))),
        "a-day",
        "shorter than an hour",
    ),
    "a fixed hour outside the window": (
        of(wait("a-day", until=best_time("11:00", "13:00", otherwise="10:00"))),
        "a-day",
        "lies outside its window",
    ),
    "a best hour on workdays that cannot wait for Monday": (
        of(
            wait(
                "a-day",
                until=best_time(
                    "11:00", "13:00", otherwise="12:00", weekdays=WORKDAYS, delay_max=days(2)
                ),
            )
        ),
        "a-day",
        "its days lie further apart",
    ),
    "no lateness at all": (of(send("hello", lateness_max=hours(0))), "hello", "lateness_max"),
    "no trigger is young enough": (
        replace(PLAIN, trigger_age_max=timedelta(0)),
        None,
        "trigger_age_max",
    ),
    "a re-entry after no gap": (replace(PLAIN, reentry=after(days(0))), None, "gap"),
    "a goal within no time": (
        replace(WELCOME, goal=goal("Order Completed", within=days(0))),
        None,
        "the goal counts",
    ),
    "a condition that looks back on nothing": (
        replace(PLAIN, entry=(happened("Cart Viewed", within=days(0)),)),
        None,
        "looks back",
    ),
    # answers
    "a listen without answers": (of(listen("news", lasts=days(1))), "news", "answers nothing"),
    "a listen with two answers to one event": (
        of(listen("news", on(event("Cart Viewed")), on(event("Cart Viewed")), lasts=days(1))),
        "news",
        "is answered twice",
    ),
    "an event that two listens answer": (
        of(
            listen("news", on(event("Cart Viewed")), lasts=days(1)),
            listen("more", on(event("Cart Viewed")), lasts=days(1)),
        ),
        "more",
        "is answered twice",
    ),
    "a listen in an answer of another": (
        of(
            listen(
                "news",
                on(event("Cart Viewed"), listen("more", on(event("Cart Emptied")), lasts=days(1))),
                lasts=days(9),
            )
        ),
        "more",
        "is listening already",
    ),
    "a listen that lasts no time": (
        of(listen("news", on(event("Cart Viewed")), lasts=days(0))),
        "news",
        "how long it lasts is not positive",
    ),
    # entry keys
    "a pattern bound to an entry without a key": (
        replace(PLAIN, exit_when=(exit_on(event("Cart Emptied", same="cart_id"), CANCELLED),)),
        None,
        "and the flow has none",
    ),
    "an answer to another one than there is": (
        of(listen("news", on(event("Cart Viewed", other="cart_id")), lasts=days(1))),
        "news",
        "and the flow has none",
    ),
    "a trigger bound to the key that it makes": (
        replace(CART_ABANDONMENT, trigger=event("Product Added", same="cart_id")),
        None,
        "which the trigger makes",
    ),
    "a condition on the cart of no entry": (
        replace(PLAIN, stay_while=(not_(in_stock()),)),
        None,
        "no entry_key says of which",
    ),
    "a condition on the product of no entry": (
        of(split("who", case(owns_product()), otherwise=[])),
        "who",
        "no entry_key says of which",
    ),
    "once for each of no entry key": (
        replace(PLAIN, reentry=once_each()),
        None,
        "no entry_key tells them apart",
    ),
    # repetitions
    "a repetition of no step": (
        of(send("hello"), send("hello-again", retells="hullo")),
        "hello-again",
        "no send before it. Name one of: hello",
    ),
    "a repetition of what comes later": (
        of(send("hello-again", retells="hello"), send("hello")),
        "hello-again",
        "no send before it",
    ),
    "a repetition of a wait": (
        of(wait("a-day", days(1)), send("hello-again", retells="a-day")),
        "hello-again",
        "no send before it",
    ),
    "a repetition without a second subject": (
        of(send("again"), send("again-again", retells="again")),
        "again-again",
        "no second subject in sv",
    ),
    "a repetition of another e-mail": (
        of(send("hello"), send("hello-again", retells="hello", template="plain/again")),
        "hello-again",
        "and sends plain/again",
    ),
    "a repetition without the offer": (
        replace(
            WELCOME,
            steps=(send("hello", offer="welcome"), send("hello-again", retells="hello")),
        ),
        "hello-again",
        "makes another offer",
    ),
    "an e-mail sent twice": (
        of(send("hello"), wait("a-day", days(1)), send("hello-again", template="plain/hello")),
        "hello-again",
        "word for word",
    ),
    # dates
    "the end of an offer that nothing makes": (
        of(send("hello"), wait("its-end", until=offer_end("welcome", at="09:00"))),
        "its-end",
        "not made so far",
    ),
    "a day after the end of an offer": (
        of(wait("its-end", until=offer_end("welcome", days_before=-2, at="09:00"))),
        "its-end",
        "2 days after the offer has ended",
    ),
    "an anniversary of an unknown event": (
        of(wait("a-year", until=anniversary_of("Quiz Won", at="09:00"))),
        "a-year",
        "'Quiz Won'",
    ),
    # deeds
    "into a flow that there is not": (of(enroll("over", "moon")), "over", "no flow 'moon'"),
    "into itself": (of(enroll("over", "plain")), "over", "its own flow"),
    "into a flow that wants a key": (
        of(enroll("over", "cart-abandonment")),
        "over",
        "has entries by cart_id",
    ),
    "a webhook that there is not": (
        of(webhook("tell", "stack")),
        "tell",
        "no webhook 'stack'. Add [webhooks.stack] to the settings, or name one of: stock",
    ),
    "a consent that there is not": (of(set_consent("no", "gone")), "no", "no consent"),
    "a suppression without such a reason": (
        of(suppress("away", "boring")),
        "away",
        "'boring' is no reason",
    ),
    "a rest of no time": (of(rest("calm", days(0))), "calm", "its duration is not positive"),
    "order mail past the cap": (
        replace(PLAIN, purpose=TRANSACTIONAL, steps=(send("hello", past_cap=True),)),
        "hello",
        "holds no transactional e-mail",
    ),
    "order mail that makes an offer": (
        replace(PLAIN, purpose=TRANSACTIONAL, steps=(send("hello", offer="nudge"),)),
        "hello",
        "makes an offer without a way to unsubscribe",
    ),
    # audiences and counts
    "an audience of everybody": (replace(PLAIN, trigger=audience("all")), None, "is everybody"),
    "a count of nothing": (
        replace(PLAIN, entry=(happened("Cart Viewed", times=0),)),
        None,
        "always holds",
    ),
    "a flow that outlasts a year": (
        of(send("hello"), wait("days-for-hours", days(500))),
        None,
        "its longest way takes 500 days",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str) -> None:
    broken, step, words = PLANTED[name]

    faults = validate(broken, KNOWN)

    assert [fault for fault in faults if fault.step == step and words in str(fault)], faults


@pytest.mark.parametrize("name", PLANTED)
def test_a_fault_says_the_file_and_the_remedy(name: str) -> None:
    faults = validate(PLANTED[name][0], KNOWN, file="shop/flows.py")

    assert all(str(fault).startswith("shop/flows.py: ") for fault in faults)
    assert all(fault.remedy[0].isupper() and str(fault).endswith(".") for fault in faults)


def test_all_faults_are_found_at_once_and_name_the_catalogue_file() -> None:
    broken = replace(CART_ABANDONMENT, trigger=event("Added"), exit_when=(), entry_key=None)
    broken = replace(broken, steps=(send("letter", offer="cake"),), successors=())

    faults = validate(broken, KNOWN)

    assert {fault.step for fault in faults} == {None, "letter"}
    assert len(faults) == 6
    assert {fault.file for fault in faults} == {"sekvens/flows/catalogue/cart_abandonment.py"}


def test_a_template_missing_in_one_locale_is_named() -> None:
    known = replace(KNOWN, templates={"sv": STEPS, "en": STEPS - {"welcome/hello"}})

    faults = validate(WELCOME, known)

    assert [fault.step for fault in faults] == ["hello"]
    assert str(faults[0]).endswith(
        "welcome.py: step hello of welcome: its template welcome/hello is missing in en. "
        "Write sekvens/messages/content/welcome/hello.en.md."
    )


def test_two_flows_of_one_name_are_found() -> None:
    faults = validate_all([*CATALOGUE, replace(WELCOME, version=3)], REAL)

    assert [(fault.flow, fault.problem) for fault in faults] == [
        ("welcome", "2 flows have this name")
    ]


def test_a_transactional_flow_needs_no_exit_on_purchase_and_no_reason() -> None:
    shipping = replace(PLAIN, purpose=TRANSACTIONAL, trigger=event("Order Shipped"))

    assert not sells(shipping)
    assert validate(shipping, KNOWN) == []


def test_a_transactional_send_that_says_why_is_allowed() -> None:
    steps = (send("hello", purpose=TRANSACTIONAL, because="confirms what they asked for"),)

    assert validate(replace(PLAIN, steps=steps), KNOWN) == []


def test_a_send_told_again_with_its_second_subject_is_no_fault() -> None:
    again = send("hello-again", retells="hello")

    assert validate(of(send("hello"), wait("a-day", days(1)), again), KNOWN) == []


def test_an_anniversary_of_what_ends_the_flow_is_no_fault() -> None:
    a_year = wait("a-year", until=anniversary_of("Order Completed", at="09:00"))

    assert validate(replace(WELCOME, steps=(a_year, send("hello"))), KNOWN) == []


def test_what_was_not_looked_up_is_not_found_missing() -> None:
    blind = replace(KNOWN, second_subjects=None, flows=None, webhooks=None, suppressions=None)
    steps = (webhook("tell", "stack"), suppress("away", "boring"), enroll("over", "moon"))

    assert validate(of(send("hello"), *steps), blind) == []
