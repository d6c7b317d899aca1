"""Events, conditions and times in Swedish: what `wording` and `durations` say in English.

The same names, so that whoever speaks both languages chooses a module.
"""

from datetime import time, timedelta
from typing import Final, NamedTuple

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
    Webhook,
)
from sekvens.flows.wording import named as named_in_english
from sekvens.flows.wording_sv_dealings import dealing, in_words, looking_back, of_entries, of_orders

__all__ = [
    "as_moment", "deed_in_words", "in_force", "in_words", "of_these", "plan_in_words",
    "somebody_does", "they_do", "until_in_words",
]  # fmt: skip

_WEEKDAYS: Final = (
    "måndagar", "tisdagar", "onsdagar", "torsdagar", "fredagar", "lördagar", "söndagar",
)  # fmt: skip


#: What deeds set: statuses of consent, and why an address is suppressed.
_STATUSES: Final = {
    "subscribed": "ja", "unsubscribed": "avregistrerad", "never_subscribed": "har aldrig sagt ja",
    "pending": "ska bekräftas",
}  # fmt: skip
_SUPPRESSED: Final = {
    "bounce": "brevlådan finns inte", "complaint": "kallade våra brev skräppost",
    "manual": "för hand", "invalid": "ingen giltig adress", "inactive": "inget livstecken",
}  # fmt: skip
#: What properties identify.
_NAMED: Final = {
    "cart": "kundvagn", "category": "kategori", "checkout": "kassa", "order": "beställning",
    "product": "vara", "question": "fråga", "return": "retur", "request": "begäran",
    "review": "recension", "sku": "artikel",
}  # fmt: skip


class _Act(NamedTuple):
    """What a contact does: in the present, in the past, and the rest."""

    does: str
    done: str
    rest: str = ""


_ACTS: Final = {
    "Cart Emptied": _Act("tömmer", "tömt", " kundvagnen"),
    "Cart Viewed": _Act("tittar", "tittat", " i kundvagnen"),
    "Checkout Started": _Act("går", "gått", " till kassan"),
    "Complaint Opened": _Act("klagar", "klagat"),
    "Contact Suppressed": _Act("blir", "blivit", " spärrad"),
    "Email Link Clicked": _Act("klickar", "klickat", " på en länk i ett brev"),
    "Email Subscribed": _Act("ber", "bett", " om våra brev"),
    "Order Cancelled": _Act("avbeställer", "avbeställt"),
    "Order Completed": _Act("beställer", "beställt"),
    "Order Delayed": _Act("får", "fått", " veta att en beställning dröjer"),
    "Order Delivered": _Act("får", "fått", " en beställning levererad"),
    "Order Ready for Pickup": _Act("kan", "kunnat", " hämta en beställning"),
    "Order Refunded": _Act("får", "fått", " pengarna tillbaka för en beställning"),
    "Order Shipped": _Act("får", "fått", " en beställning skickad"),
    "Payment Pending": _Act("väljer", "valt", " att betala senare"),
    "Product Added": _Act("lägger", "lagt", " en vara i kundvagnen"),
    "Product List Viewed": _Act("bläddrar", "bläddrat", " i butiken"),
    "Product Reviewed": _Act("skriver", "skrivit", " ett omdöme"),
    "Product Viewed": _Act("tittar", "tittat", " på en vara"),
    "Products Searched": _Act("söker", "sökt", " i butiken"),
    "Question Answered": _Act("svarar", "svarat", " på en fråga"),
    "Referral Rewarded": _Act("får", "fått", " en vän att beställa med sin kod"),
    "Return Completed": _Act("slutför", "slutfört", " en retur"),
    "Return Started": _Act("påbörjar", "påbörjat", " en retur"),
    "Unsubscribed": _Act("avregistrerar", "avregistrerat", " sig"),
    "page": _Act("besöker", "besökt", " butiken"),
}


def somebody_does(trigger: EventPattern | Audience) -> str:
    """Say it of somebody: `lägger en vara i kundvagnen`."""
    if isinstance(trigger, Audience):
        why = _joined(trigger.conditions, "och")
        return f'hittas av sökningen "{trigger.name}": {why}'
    return they_do(trigger)


def they_do(pattern: EventPattern) -> str:
    """Say it of the contact we speak of: `lägger en vara i kundvagnen`."""
    act = _act(pattern)
    return act.does + act.rest


def in_force(condition: Condition) -> str:
    """Say that a condition holds: `kontakten har beställt`."""
    match condition:
        case AnyOf() if _is_sign_of_life(condition):
            return f"kontakten har gett ett livstecken{looking_back(_within(condition))}"
        case AllOf():
            return _joined(condition.conditions, "och") or "alltid"
        case AnyOf():
            return _joined(condition.conditions, "eller") or "aldrig"
        case Not():
            return _not_in_force(condition.condition)
        case _:
            return _both_ways(condition)[0]


def of_these(condition: AllOf | AnyOf) -> str:
    """Say of several conditions how many have to hold, before they are listed."""
    return f"{'allt' if isinstance(condition, AllOf) else 'något'} av det här måste gälla:"


def until_in_words(until: LocalTime | BestTime | Date) -> str:
    """Say when: `09:00 där kontakten bor, på en vardag`."""
    match until:
        case LocalTime():
            return _clock(until.at) + _where(until.weekdays)
        case BestTime():
            return (
                f"den timme mellan {_clock(until.earliest)} och {_clock(until.latest)} som passar "
                f"bäst ({_clock(until.otherwise)} tills vi vet, högst {in_words(until.delay_max)} "
                f"senare){_where(until.weekdays)}"
            )
        case DateOf():
            return f"kontaktens {until.trait}, klockan {_clock(until.at)}"
        case AnniversaryOf():
            act = _act(until.pattern)
            return (
                f"årsdagen av att kontakten först {act.does}{act.rest}, klockan {_clock(until.at)}"
            )
        case OfferEnd():
            before = f"{in_words(timedelta(days=until.days_before))} före " * bool(
                until.days_before
            )
            return f'{before}sista dagen för erbjudandet "{until.offer}", {_clock(until.at)}'


def deed_in_words(deed: Deed) -> str:
    """Say what a step does that sends nothing."""
    match deed:
        case SetTrait():
            return f"sätter {deed.trait} till {deed.value}"
        case SetConsent():
            return f"sätter samtycket till {_STATUSES.get(deed.status, deed.status)}"
        case Suppress():
            return f"spärrar adressen: {_SUPPRESSED.get(deed.reason, deed.reason)}"
        case Rest():
            return f"skickar ingen reklam från något flöde på {in_words(deed.duration)}"
        case Webhook():
            return f'anropar webhooken "{deed.name}"'
        case Enroll():
            return f"skriver in kontakten i {deed.flow}"


def plan_in_words(step: Experiment) -> str:
    """Say how an experiment is decided."""
    by = {"clicks": "vilka som klickar", "orders": "vilka som beställer",
          "revenue": "vad de beställer för"}  # fmt: skip
    looks = "en avläsning" if step.looks == 1 else f"{step.looks} avläsningar"
    then = "den som vinner tas i bruk" if step.adopt == "auto" else "en människa väljer"
    contacts = f"{step.contacts:,}".replace(",", "\u00a0")
    return f"jämförs efter {by[step.measure]}, {contacts} kontakter, {looks}, {then}"


def as_moment(earliest: timedelta, latest: timedelta) -> str:
    """Name the moment between two times since a start: `genast`, `4 timmar`, `dag 2`."""
    day = timedelta(days=1)
    if earliest == latest:
        return "genast" if not latest else in_words(latest)
    if latest - earliest <= day:
        return f"dag {int((earliest + latest) / 2 / day + 0.5)}"
    return f"dag {int(earliest / day + 0.5)} till {int(latest / day + 0.5)}"


def _not_in_force(condition: Condition) -> str:
    match condition:
        case AnyOf() if _is_sign_of_life(condition):
            return f"kontakten har inte gett något livstecken{looking_back(_within(condition))}"
        case AllOf() | AnyOf() | Not():
            return f"det är inte så att ({in_force(condition)})"
        case _:
            return _both_ways(condition)[1]


def _both_ways(condition: Condition) -> tuple[str, str]:
    """Say that a single condition holds, and that it does not."""
    match condition:
        case Subscribed():
            return "kontakten vill ha vår reklam", "kontakten vill inte ha vår reklam"
        case Happened():
            return _happened(condition)
        case TraitIs():
            trait = f"kontaktens {condition.trait} är"
            return f"{trait} {condition.value}", f"{trait} inte {condition.value}"
        case HasTrait():
            return f"vi vet kontaktens {condition.trait}", f"vi vet inte deras {condition.trait}"
        case DateWithin():
            coming = f"kontaktens {condition.trait} kommer inom {in_words(condition.within)}"
            return coming, f"det är inte så att {coming}"
        case Lapsed() | NeedsAgain() | OrderExpected():
            return of_orders(condition)
        case Received():
            text = f"{condition.times} av våra reklambrev{looking_back(condition.within)}"
            return f"kontakten har fått {text}", f"kontakten har fått färre än {text}"
        case InFlow() | Owns() | InStock() | ProductInStock() | PriceStands() | InSegment():
            return of_entries(condition)
        case _ if isinstance(condition, Dealing):
            return dealing(condition)
        case _:
            return in_force(condition), _not_in_force(condition)


def _happened(condition: Happened) -> tuple[str, str]:
    act, back = _act(condition.pattern), looking_back(condition.within)
    if condition.times > 1:
        each = f" (varje {_named(condition.each)} räknas en gång)" if condition.each else ""
        times = f"{condition.times} gånger{each}{back}"
        done = f"kontakten har {act.done}{act.rest}"
        return f"{done} minst {times}", f"{done} färre än {times}"
    never = "aldrig" if condition.within is None else "inte"
    done = f"{act.done}{act.rest}{back}"
    return f"kontakten har {done}", f"kontakten har {never} {done}"


def _act(pattern: EventPattern) -> _Act:
    match pattern.name, dict(pattern.where):
        case "Email Link Clicked", {"step": step, **others} if not others:
            return _ACTS[pattern.name]._replace(rest=f" på en länk i {step}")
        case "Question Answered", {"question": question, "answer": answer, **others} if not others:
            return _ACTS[pattern.name]._replace(rest=f' "{answer}" på {question}')
    act = _ACTS.get(pattern.name, _Act("gör", "gjort", f' "{pattern.name}"'))
    given = [f"{_named(name)} är {value}" for name, value in pattern.where]
    if pattern.same:
        given.append(f"samma {_named(pattern.same)}")
    if pattern.other:
        given.append(f"en annan {_named(pattern.other)}")
    return act._replace(rest=f"{act.rest} ({' och '.join(given)})") if given else act


def _named(key: str) -> str:
    """Call what a property identifies by its name; what is the shop's own keeps the shop's."""
    name = named_in_english(key)
    return _NAMED.get(name, name)


def _joined(conditions: tuple[Condition, ...], word: str) -> str:
    if len(conditions) == 1:
        return in_force(conditions[0])
    texts = [
        f"({in_force(inner)})" if isinstance(inner, AllOf | AnyOf) else in_force(inner)
        for inner in conditions
    ]
    return f" {word} ".join(texts)


def _is_sign_of_life(condition: AnyOf) -> bool:
    asked = [inner for inner in condition.conditions if isinstance(inner, Happened)]
    names = {inner.pattern.name for inner in asked}
    return len(asked) == len(condition.conditions) and names == set(SIGNS_OF_LIFE)


def _within(condition: AnyOf) -> timedelta | None:
    first = condition.conditions[0]
    return first.within if isinstance(first, Happened) else None


def _where(weekdays: tuple[int, ...]) -> str:
    text = " där kontakten bor"
    if weekdays == tuple(range(7)):
        return text
    if weekdays == WORKDAYS:
        return f"{text}, på en vardag"
    return f"{text}, på {' eller '.join(_WEEKDAYS[day] for day in weekdays if day < 7)}"


def _clock(at: time) -> str:
    return f"{at:%H:%M}"
