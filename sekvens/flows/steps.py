"""The step kinds of a flow.

A step id is a permanent identity: the position in an enrollment is a step id, never an index, so a
step keeps its id for ever and a renamed step is another step.
"""

from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Literal, TypeAlias

from sekvens.flows.conditions import Condition, EventPattern


class Purpose(StrEnum):
    """Why a message is sent, in the sense of the law: it decides which consent it needs."""

    MARKETING = "marketing"  #: needs consent; an unsubscribe ends it
    TRANSACTIONAL = (
        "transactional"  #: belongs to an order or an account; goes on after an unsubscribe
    )


class Mode(StrEnum):
    """How far a flow, or a step of it, reaches into the world. Persisted: never renamed.

    What reaches the least comes first.
    """

    DRAFT = "draft"  #: nobody enters the flow; the step is passed over, and simulated all the same
    MANUAL = "manual"  #: each message waits until a person approves it
    LIVE = "live"


class ExitReason(StrEnum):
    """Why an enrollment ended. Persisted, shown in the Temporal UI: members are never renamed."""

    COMPLETED = "completed"  #: the last step is behind the contact
    CONVERTED = "converted"  #: the contact did what the flow hoped for
    UNSUBSCRIBED = "unsubscribed"  #: the contact took their consent back
    SUPPRESSED = "suppressed"  #: the address must not be mailed
    NO_LONGER_MATCHES = "no_longer_matches"  #: the reason to write has gone
    #: a more important flow took over, or the contact turned out to be in this one already
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"  #: a person on the shop's staff ended it
    FAILED = "failed"  #: it could not go on, and a person decided to end it


@dataclass(frozen=True, kw_only=True)
class LocalTime:
    """The next time the contact's clock shows `at`, on one of `weekdays` (Monday is 0)."""

    at: time
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    kind: Literal["local_time"] = "local_time"


@dataclass(frozen=True, kw_only=True)
class BestTime:
    """The hour that suits the contact, on their clock, from `earliest` until `latest`.

    It comes at most `delay_max` after the wait's duration, on one of `weekdays` (Monday is 0). It
    is `otherwise` for as long as too little is known.
    """

    earliest: time
    latest: time
    otherwise: time
    delay_max: timedelta
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    kind: Literal["best_time"] = "best_time"

    @cached_property
    def fixed(self) -> LocalTime:
        """Tell the fixed hour as a time to wait for."""
        return LocalTime(at=self.otherwise, weekdays=self.weekdays)


@dataclass(frozen=True, kw_only=True)
class DateOf:
    """The next return of a date that the contact told us (a trait such as `birthday`), at `at`."""

    trait: str
    at: time
    kind: Literal["date_of"] = "date_of"


@dataclass(frozen=True, kw_only=True)
class AnniversaryOf:
    """The next yearly return of the day on which the contact first did this, at `at`."""

    pattern: EventPattern
    at: time
    kind: Literal["anniversary_of"] = "anniversary_of"


@dataclass(frozen=True, kw_only=True)
class OfferEnd:
    """The last day of the offer that an earlier e-mail made, less `days_before`, at `at`."""

    offer: str
    days_before: int
    at: time
    kind: Literal["offer_end"] = "offer_end"


#: Days that only the facts know; one that is not known ends the enrollment.
Date: TypeAlias = DateOf | AnniversaryOf | OfferEnd


@dataclass(frozen=True, kw_only=True)
class Send:
    """Send one e-mail; what is None here, the flow decides (`Flow.template_of` and its kin)."""

    id: str
    template: str | None = None
    purpose: Purpose | None = None
    because: str | None = None  #: why this send is transactional in a marketing flow
    offer: str | None = None  #: the name of the offer that the e-mail makes
    lateness_max: timedelta | None = None  #: later than this it is skipped as stale
    past_cap: bool = False  #: it leaves however many the contact has had today
    retells: str | None = None  #: the send whose e-mail it tells again, under its second subject
    rewords: str | None = None  #: the send whose e-mail it is to others, under its second subject
    mode: Mode = Mode.LIVE
    kind: Literal["send"] = "send"

    @property
    def has_second_subject(self) -> bool:
        """Tell whether it goes under the second subject of its e-mail."""
        return self.retells is not None or self.rewords is not None


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Wait for `duration`, then until `until`; an event in `restart_on` starts the wait anew."""

    id: str
    duration: timedelta
    until: LocalTime | BestTime | Date | None = None
    restart_on: tuple[EventPattern, ...] = ()
    kind: Literal["wait"] = "wait"


@dataclass(frozen=True, kw_only=True)
class WaitFor:
    """Wait for an event; `then` runs when it comes, `otherwise` when `timeout` passes first."""

    id: str
    pattern: EventPattern
    timeout: timedelta
    then: tuple["Step", ...] = ()
    otherwise: tuple["Step", ...] = ()
    kind: Literal["wait_for"] = "wait_for"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One branch of a split: `steps` run when `condition` is the first that holds."""

    condition: Condition
    steps: tuple["Step", ...] = ()
    kind: Literal["case"] = "case"


@dataclass(frozen=True, kw_only=True)
class Split:
    """Take the first branch whose condition holds, else `otherwise` (always written)."""

    id: str
    cases: tuple[Case, ...]
    otherwise: tuple["Step", ...]
    kind: Literal["split"] = "split"


class Measure(StrEnum):
    """What an experiment compares its variants by. Persisted: members are never renamed."""

    CLICKS = "clicks"  #: the share of contacts who click an e-mail of the flow
    ORDERS = "orders"  #: the share of contacts who order
    REVENUE = "revenue"  #: what a contact's orders come to, of whoever orders nothing, nothing


class Adoption(StrEnum):
    """Who lets a winner become the way for everybody. Persisted: members are never renamed."""

    BY_HAND = "by_hand"  #: a person does
    AUTO = "auto"  #: the look at which it wins


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way through an experiment, for `weight` parts of those who come to it."""

    name: str
    steps: tuple["Step", ...] = ()
    weight: float = 1.0
    kind: Literal["variant"] = "variant"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Let the lot choose a variant for each contact, once; the others are compared with the first.

    Its plan is a part of it: how many contacts are drawn until the last of how many looks.
    """

    id: str
    variants: tuple[Variant, ...]
    contacts: int
    measure: Measure = Measure.ORDERS
    looks: int = 10
    adopt: Adoption = Adoption.BY_HAND
    kind: Literal["experiment"] = "experiment"


@dataclass(frozen=True, kw_only=True)
class ExitFlow:
    """Leave the flow here."""

    id: str
    reason: ExitReason = ExitReason.COMPLETED
    kind: Literal["exit"] = "exit"


@dataclass(frozen=True, kw_only=True)
class On:
    """One answer of a listen: `steps` run when an event fits, once."""

    pattern: EventPattern
    steps: tuple["Step", ...] = ()
    kind: Literal["on"] = "on"


@dataclass(frozen=True, kw_only=True)
class Listen:
    """For as long as it `lasts`, answer each of these events once, in whatever order they come.

    What came while the enrollment stood elsewhere is answered when it gets here.
    """

    id: str
    cases: tuple[On, ...]
    lasts: timedelta
    kind: Literal["listen"] = "listen"


@dataclass(frozen=True, kw_only=True)
class SetTrait:
    """Write a trait of the contact."""

    id: str
    trait: str
    value: str
    mode: Mode = Mode.LIVE  #: draft or live
    kind: Literal["set_trait"] = "set_trait"


@dataclass(frozen=True, kw_only=True)
class SetConsent:
    """Write the contact's consent to marketing: `subscribed` or `unsubscribed`."""

    id: str
    status: str
    mode: Mode = Mode.LIVE  #: draft or live
    kind: Literal["set_consent"] = "set_consent"


@dataclass(frozen=True, kw_only=True)
class Suppress:
    """Suppress the contact's address for this reason."""

    id: str
    reason: str
    mode: Mode = Mode.LIVE  #: draft or live
    kind: Literal["suppress"] = "suppress"


@dataclass(frozen=True, kw_only=True)
class Rest:
    """Send the contact no marketing for this long, from whatever flow."""

    id: str
    duration: timedelta
    mode: Mode = Mode.LIVE  #: draft or live
    kind: Literal["rest"] = "rest"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Call the shop's own system, by the name that the settings give it."""

    id: str
    name: str
    mode: Mode = Mode.LIVE  #: draft or live
    kind: Literal["webhook"] = "webhook"


@dataclass(frozen=True, kw_only=True)
class Enroll:
    """Enroll the contact in another flow, if that takes them."""

    id: str
    flow: str
    mode: Mode = Mode.LIVE  #: draft or live
    kind: Literal["enroll"] = "enroll"


#: What is carried out in the world and needs no waiting for an answer of the contact.
Deed: TypeAlias = SetTrait | SetConsent | Suppress | Rest | Webhook | Enroll

Step: TypeAlias = Send | Wait | WaitFor | Listen | Split | Experiment | Deed | ExitFlow
