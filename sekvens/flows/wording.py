"""Events, conditions and times in words for a marketer: the same in the text and the picture."""

from dataclasses import dataclass
from datetime import time, timedelta

from sekvens.flows.conditions import (
    AllOf,
    AnyOf,
    Condition,
    EventPattern,
    Happened,
    Not,
    Subscribed,
    TraitIs,
)
from sekvens.flows.definition import WORKDAYS
from sekvens.flows.durations import in_words
from sekvens.flows.steps import LocalTime

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Act:
    """What a contact does, as a verb in the forms that sentences need, and the rest."""

    somebody: str  #: somebody *adds*
    they: str  #: they *add*
    done: str  #: they have *added*
    rest: str = ""


ACTS = {
    "Cart Emptied": Act("empties", "empty", "emptied", " the cart"),
    "Cart Viewed": Act("looks", "look", "looked", " at the cart"),
    "Checkout Started": Act("starts", "start", "started", " the checkout"),
    "Contact Suppressed": Act("is", "are", "been", " suppressed"),
    "Email Subscribed": Act("asks", "ask", "asked", " for our e-mail"),
    "Order Completed": Act("orders", "order", "ordered"),
    "Order Delivered": Act("gets", "get", "got", " an order delivered"),
    "Order Shipped": Act("gets", "get", "got", " an order on its way"),
    "Product Added": Act("adds", "add", "added", " a product to the cart"),
    "Product Viewed": Act("looks", "look", "looked", " at a product"),
    "Unsubscribed": Act("unsubscribes", "unsubscribe", "unsubscribed"),
}


def somebody_does(pattern: EventPattern) -> str:
    """Say it of somebody: `adds a product to the cart`."""
    act = _act(pattern)
    return act.somebody + act.rest


def they_do(pattern: EventPattern) -> str:
    """Say it of the contact we speak of: `add a product to the cart`."""
    act = _act(pattern)
    return act.they + act.rest


def in_force(condition: Condition) -> str:
    """Say that a condition holds: `they have never ordered`."""
    match condition:
        case Subscribed():
            return "they want our marketing"
        case Happened():
            return f"they have {_done(condition)}"
        case TraitIs():
            return f"their {condition.trait} is {condition.value}"
        case AllOf():
            return _joined(condition.conditions, "and") or "always"
        case AnyOf():
            return _joined(condition.conditions, "or") or "never"
        case Not():
            return _not_in_force(condition.condition)


def local_time_in_words(local_time: LocalTime) -> str:
    """Say when: `09:00 where the contact lives, on a working day`."""
    text = f"{_clock(local_time.at)} where the contact lives"
    if local_time.weekdays == tuple(range(7)):
        return text
    if local_time.weekdays == WORKDAYS:
        return f"{text}, on a working day"
    names = [WEEKDAYS[day] for day in local_time.weekdays if day < len(WEEKDAYS)]
    return f"{text}, on a {' or '.join(names)}"


def _not_in_force(condition: Condition) -> str:
    match condition:
        case Subscribed():
            return "they do not want our marketing"
        case Happened():
            return f"they have {'never' if condition.within is None else 'not'} {_done(condition)}"
        case TraitIs():
            return f"their {condition.trait} is not {condition.value}"
        case _:
            return f"it is not so that ({in_force(condition)})"


def _act(pattern: EventPattern) -> Act:
    act = ACTS.get(pattern.name, Act("does", "do", "done", f' "{pattern.name}"'))
    if not pattern.where:
        return act
    where = " and ".join(f"{name} is {value}" for name, value in pattern.where)
    return Act(act.somebody, act.they, act.done, f"{act.rest} ({where})")


def _done(condition: Happened) -> str:
    act = _act(condition.pattern)
    return act.done + act.rest + _looking_back(condition.within)


def _looking_back(within: timedelta | None) -> str:
    return "" if within is None else f" in the last {in_words(within).removeprefix('1 ')}"


def _joined(conditions: tuple[Condition, ...], word: str) -> str:
    texts = [
        f"({in_force(inner)})" if isinstance(inner, AllOf | AnyOf) else in_force(inner)
        for inner in conditions
    ]
    return f" {word} ".join(texts)


def _clock(at: time) -> str:
    return f"{at:%H:%M}"
