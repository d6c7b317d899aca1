"""Events, conditions and times in words for a marketer: the same in the text and the picture."""

from dataclasses import dataclass, replace
from datetime import time, timedelta

from sekvens.flows.builder import WORKDAYS
from sekvens.flows.conditions import (
    SIGNS_OF_LIFE,
    AllOf,
    AnyOf,
    Condition,
    DateWithin,
    EventPattern,
    Happened,
    HasTrait,
    InFlow,
    InSegment,
    InStock,
    Lapsed,
    NeedsAgain,
    Not,
    OrderExpected,
    Owns,
    PriceStands,
    ProductInStock,
    Received,
    Subscribed,
    TraitIs,
)
from sekvens.flows.dealings import Dealing
from sekvens.flows.definition import Audience
from sekvens.flows.durations import in_words
from sekvens.flows.steps import (
    AnniversaryOf,
    BestTime,
    Date,
    DateOf,
    Deed,
    Enroll,
    Experiment,
    LocalTime,
    OfferEnd,
    Rest,
    SetConsent,
    SetTrait,
    Suppress,
    Variant,
    Webhook,
)
from sekvens.flows.wording_dealings import dealing_both_ways, looking_back

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
    "Complaint Opened": Act("complains", "complain", "complained"),
    "Contact Suppressed": Act("is", "are", "been", " suppressed"),
    "Email Link Clicked": Act("clicks", "click", "clicked", " a link in an e-mail"),
    "Email Subscribed": Act("asks", "ask", "asked", " for our e-mail"),
    "Order Cancelled": Act("cancels", "cancel", "cancelled", " the order"),
    "Order Completed": Act("orders", "order", "ordered"),
    "Order Delayed": Act("hears", "hear", "heard", " that an order is delayed"),
    "Order Delivered": Act("gets", "get", "got", " an order delivered"),
    "Order Ready for Pickup": Act("can", "can", "been able to", " fetch an order"),
    "Order Refunded": Act("gets", "get", "got", " an order refunded"),
    "Order Shipped": Act("has", "have", "had", " an order sent to them"),
    "Payment Pending": Act("chooses", "choose", "chosen", " to pay later"),
    "Product Added": Act("adds", "add", "added", " a product to the cart"),
    "Product List Viewed": Act("leafs", "leaf", "leafed", " through the shop"),
    "Product Reviewed": Act("reviews", "review", "reviewed", " a product"),
    "Product Viewed": Act("looks", "look", "looked", " at a product"),
    "Products Searched": Act("searches", "search", "searched", " the shop"),
    "Question Answered": Act("answers", "answer", "answered", " a question"),
    "Referral Rewarded": Act("has", "have", "had", " a friend order with their code"),
    "Return Completed": Act("completes", "complete", "completed", " a return"),
    "Return Started": Act("begins", "begin", "begun", " a return"),
    "Unsubscribed": Act("unsubscribes", "unsubscribe", "unsubscribed"),
    "page": Act("visits", "visit", "visited", " the shop"),
}


def somebody_does(trigger: EventPattern | Audience) -> str:
    """Say it of somebody: `adds a product to the cart`, `is found by the scan "lapsed"`."""
    if isinstance(trigger, Audience):
        return f'is found by the scan "{trigger.name}" because {who_is_found(trigger)}'
    act = _act(trigger)
    return act.somebody + act.rest


def who_is_found(audience: Audience) -> str:
    """Say what is true of whoever a scan finds: `their birthday comes within 3 days`."""
    return _joined(audience.conditions, "and")


def they_do(pattern: EventPattern) -> str:
    """Say it of the contact we speak of: `add a product to the cart`."""
    act = _act(pattern)
    return act.they + act.rest


def in_force(condition: Condition) -> str:
    """Say that a condition holds: `they have ordered`."""
    match condition:
        case AnyOf() if _is_sign_of_life(condition):
            return f"they have given a sign of life{looking_back(_within(condition))}"
        case AllOf():
            return _joined(condition.conditions, "and") or "always"
        case AnyOf():
            return _joined(condition.conditions, "or") or "never"
        case Not():
            return _not_in_force(condition.condition)
        case _:
            return _both_ways(condition)[0]


def named(key: str) -> str:
    """Call what a property identifies by its name: an `order_id` names an order."""
    return key.removesuffix("_id")


def of_these(condition: AllOf | AnyOf) -> str:
    """Say of several conditions how many have to hold, before they are listed."""
    return f"{'all' if isinstance(condition, AllOf) else 'one'} of these must be so:"


def until_in_words(until: LocalTime | BestTime | Date) -> str:
    """Say when: `09:00 where the contact lives, on a working day`, `their birthday, at 09:00`."""
    match until:
        case LocalTime():
            return _clock(until.at) + _where(until.weekdays)
        case BestTime():
            return _best_time(until)
        case DateOf():
            return f"their {until.trait}, at {_clock(until.at)}"
        case AnniversaryOf():
            act = _act(until.pattern)
            return f"the day on which they first {act.done}{act.rest}, at {_clock(until.at)}"
        case OfferEnd():
            before = f"{in_words(timedelta(days=until.days_before))} before " * bool(
                until.days_before
            )
            return f'{before}the last day of the offer "{until.offer}", at {_clock(until.at)}'


def deed_in_words(deed: Deed) -> str:
    """Say what a step does that sends nothing."""
    match deed:
        case SetTrait():
            return f"sets their {deed.trait} to {deed.value}"
        case SetConsent():
            return f"sets their consent to {deed.status}"
        case Suppress():
            return f"suppresses their address: {deed.reason}"
        case Rest():
            return f"sends them no marketing from whatever flow for {in_words(deed.duration)}"
        case Webhook():
            return f'calls the webhook "{deed.name}"'
        case Enroll():
            return f"enrolls them in {deed.flow}"


def shares_of(step: Experiment) -> list[tuple[Variant, str]]:
    """Tell each variant's share of those who come to an experiment: `50 %`."""
    whole = sum(variant.weight for variant in step.variants)
    return [(each, share_in_words(each.weight / whole)) for each in step.variants]


def share_in_words(share: float) -> str:
    """Write a share of contacts: `12.5 %`."""
    return f"{share:.1%}".replace(".0%", "%").replace("%", " %")


def plan_in_words(step: Experiment) -> str:
    """Say how an experiment is decided."""
    by = {"clicks": "who click", "orders": "who order", "revenue": "what they order for"}
    looks = "one look" if step.looks == 1 else f"{step.looks} looks"
    then = "whoever wins is adopted" if step.adopt == "auto" else "a person adopts"
    return f"compared by {by[step.measure]}, {step.contacts:,} contacts, {looks}, {then}"


def _best_time(best: BestTime) -> str:
    window = f"from {_clock(best.earliest)} to {_clock(best.latest)}"
    known = f"{_clock(best.otherwise)} until enough is known"
    return (
        f"the hour {window} that suits them ({known}, at most {in_words(best.delay_max)} later)"
        f"{_where(best.weekdays)}"
    )


def _where(weekdays: tuple[int, ...]) -> str:
    text = " where the contact lives"
    if weekdays == tuple(range(7)):
        return text
    if weekdays == WORKDAYS:
        return f"{text}, on a working day"
    names = [WEEKDAYS[day] for day in weekdays if day < len(WEEKDAYS)]
    return f"{text}, on a {' or '.join(names)}"


def _not_in_force(condition: Condition) -> str:
    match condition:
        case AnyOf() if _is_sign_of_life(condition):
            return f"they have given no sign of life{looking_back(_within(condition))}"
        case AllOf() | AnyOf() | Not():
            return f"it is not so that ({in_force(condition)})"
        case _:
            return _both_ways(condition)[1]


def _both_ways(condition: Condition) -> tuple[str, str]:
    """Say that a single condition holds, and that it does not."""
    match condition:
        case Subscribed():
            return "they want our marketing", "they do not want our marketing"
        case Happened():
            return f"they have {_done(condition)}", f"they have {_not_done(condition)}"
        case TraitIs():
            trait = f"their {condition.trait} is"
            return f"{trait} {condition.value}", f"{trait} not {condition.value}"
        case HasTrait():
            return f"we know their {condition.trait}", f"we do not know their {condition.trait}"
        case DateWithin():
            coming = f"their {condition.trait} comes within {in_words(condition.within)}"
            return coming, f"it is not so that {coming}"
        case Lapsed() | NeedsAgain() | OrderExpected():
            return _of_orders(condition)
        case Received():
            text = f"{condition.times} of our marketing e-mails{looking_back(condition.within)}"
            return f"they have had {text}", f"they have had fewer than {text}"
        case InFlow() | Owns() | InStock() | ProductInStock() | PriceStands() | InSegment():
            return _of_entries(condition)
        case _ if isinstance(condition, Dealing):
            return dealing_both_ways(condition)
        case _:
            return in_force(condition), _not_in_force(condition)


def _of_orders(condition: Lapsed | NeedsAgain | OrderExpected) -> tuple[str, str]:
    match condition:
        case OrderExpected():
            text = f"expected within {in_words(condition.within)}"
            return f"their next order is {text}", f"their next order is not {text}"
        case NeedsAgain():
            soon, late = in_words(condition.ahead), in_words(condition.overdue)
            text = f"need something again within {soon}, or have needed it for {late} at the most"
        case Lapsed():
            text = "have not ordered for longer than this shop's customers take to come back"
    return f"they {text}", f"it is not so that they {text}"


def _of_entries(
    condition: InFlow | Owns | InStock | ProductInStock | PriceStands | InSegment,
) -> tuple[str, str]:
    match condition:
        case InSegment():
            text = f"in the segment {condition.name}"
            return f"they are {text}", f"they are not {text}"
        case InFlow():
            return f"they are in {condition.flow}", f"they are not in {condition.flow}"
        case Owns():
            return "they own the product", "they do not own the product"
        case InStock():
            return "something in the cart is in stock", "everything in the cart is sold out"
        case ProductInStock():
            return "the product is in stock", "the product is sold out"
        case PriceStands():
            return "its price has not gone up again", "its price has gone up again"


def _is_sign_of_life(condition: AnyOf) -> bool:
    asked = [inner for inner in condition.conditions if isinstance(inner, Happened)]
    names = {inner.pattern.name for inner in asked}
    return len(asked) == len(condition.conditions) and names == set(SIGNS_OF_LIFE)


def _within(condition: AnyOf) -> timedelta | None:
    first = condition.conditions[0]
    return first.within if isinstance(first, Happened) else None


def _act(pattern: EventPattern) -> Act:
    match pattern.name, dict(pattern.where):
        case "Email Link Clicked", {"step": step, **others} if not others:
            return replace(ACTS[pattern.name], rest=f" a link in {step}")
        case "Question Answered", {"question": question, "answer": answer, **others} if not others:
            return replace(ACTS[pattern.name], rest=f' "{answer}" to {question}')
    act = ACTS.get(pattern.name, Act("does", "do", "done", f' "{pattern.name}"'))
    given = [f"{name} is {value}" for name, value in pattern.where]
    if pattern.same:
        given.append(f"the same {named(pattern.same)}")
    if pattern.other:
        given.append(f"another {named(pattern.other)}")
    if not given:
        return act
    where = " and ".join(given)
    return Act(act.somebody, act.they, act.done, f"{act.rest} ({where})")


def _done(condition: Happened) -> str:
    act = _act(condition.pattern)
    times = f" at least {_times(condition)}" if condition.times > 1 else ""
    return act.done + act.rest + times + looking_back(condition.within)


def _not_done(condition: Happened) -> str:
    if condition.times > 1:
        act = _act(condition.pattern)
        fewer = f" fewer than {_times(condition)}"
        return act.done + act.rest + fewer + looking_back(condition.within)
    return f"{'never' if condition.within is None else 'not'} {_done(condition)}"


def _times(condition: Happened) -> str:
    each = f", counting each {named(condition.each)} once" if condition.each else ""
    return f"{condition.times} times{each}"


def _joined(conditions: tuple[Condition, ...], word: str) -> str:
    if len(conditions) == 1:
        return in_force(conditions[0])
    texts = [
        f"({in_force(inner)})" if isinstance(inner, AllOf | AnyOf) else in_force(inner)
        for inner in conditions
    ]
    return f" {word} ".join(texts)


def _clock(at: time) -> str:
    return f"{at:%H:%M}"
