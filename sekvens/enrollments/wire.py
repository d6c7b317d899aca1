"""What crosses into and out of Temporal. Fields are only ever added, with defaults.

Ids, step ids, reasons and instants only: no address, name or event payload (invariant 3). The flow
and the state travel in the form of `sekvens.flows.codec`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sekvens.flows.codec import JsonObject
from sekvens.flows.moving import Policy
from sekvens.flows.outcomes import Outcome, Parked
from sekvens.flows.steps import ExitReason


@dataclass(frozen=True, kw_only=True)
class EnrollmentInput:
    """Everything an enrollment needs for the rest of its life, pinned by value."""

    enrollment_id: str
    contact_id: str
    flow: JsonObject  #: the `Flow`, by `sekvens.flows.codec.to_json`
    templates: dict[str, str] = field(default_factory=dict)  #: template name -> digest
    shop_time: JsonObject = field(default_factory=lambda: {"kind": "shop_time"})
    started_at: datetime | None = None  #: shop time; None: when the first task runs
    state: JsonObject | None = None  #: carried over a continue-as-new
    history_events_max: int | None = None  #: continue-as-new sooner than suggested (tests)
    attempt_seconds: int | None = None  #: wall time after which a send's attempt counts as dead


@dataclass(frozen=True, kw_only=True)
class EnrollmentResult:
    """How an enrollment ended."""

    exit_reason: str
    step_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class FlowMove:
    """Another version of an enrollment's flow, pinned by value: it goes on by that one."""

    flow: JsonObject  #: the `Flow`, by `sekvens.flows.codec.to_json`
    templates: dict[str, str] = field(default_factory=dict)  #: template name -> digest
    policy: str = Policy.MOVE_AT_NEXT_STEP
    successors: dict[str, str | None] = field(default_factory=dict)
    undoes: bool = False  #: who has not gone on since the last move stands as before it


@dataclass(frozen=True, kw_only=True)
class EnrollmentEvent:
    """One event as an enrollment sees it: which of its patterns it fits, none of its content."""

    seq: int  #: position in the enrollment's own sequence, from 1; repeats are dropped by it
    event_id: str  #: the event's `messageId`, as `names.plain` makes it
    matched: tuple[str, ...]  #: keys of the flow's patterns that it fits
    exit_reason: ExitReason | None = None  #: it ends the enrollment, whatever it fits
    move: FlowMove | None = None  #: it is no event: the enrollment goes on by another version
    look: bool = False  #: it is no event: a message that waits is looked at again


@dataclass(frozen=True, kw_only=True)
class EventsSignal:
    """The relay's signal: new events, in order."""

    events: tuple[EnrollmentEvent, ...]
    #: whom they are for: the next entry under the same workflow id must not take them for its own
    enrollment_id: str = ""


@dataclass(frozen=True, kw_only=True)
class DirectSignal:
    """What a backend may say when it signals by itself: ids only."""

    event_id: str | None = None  #: the backend's own id for this fact, so that a repeat is harmless
    order_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class SendInput:
    """Send the message of one step."""

    enrollment_id: str
    contact_id: str
    flow: str
    flow_version: int
    step_id: str
    template: str
    template_digest: str
    purpose: str
    now: datetime  #: shop time
    due_at: datetime  #: shop time at which the step was reached
    started_at: datetime  #: shop time at which the enrollment started
    lateness_seconds_max: float | None = None
    offer: str | None = None
    next_step: str | None = None  #: the position once this step is over
    resume: JsonObject | None = None  #: the `NextLocalTime` question of the wait that follows
    shop_speed: float = 1.0  #: turns a wall-clock grace into shop time
    skip: bool = False  #: a person decided that it is not sent
    second_subject: bool = False  #: the e-mail is told again, under its second subject
    past_cap: bool = False  #: it leaves however many the contact has had


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """What became of the message."""

    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class CarryOutInput:
    """Carry out a step that sends nothing."""

    enrollment_id: str
    contact_id: str
    flow: str
    step: JsonObject  #: a `Deed`, by `sekvens.flows.codec.to_json`
    next_step: str | None  #: the position once this step is over
    now: datetime  #: shop time
    due_at: datetime  #: shop time at which the step was reached
    shop_speed: float = 1.0
    skip: bool = False  #: a person decided that it is not done


@dataclass(frozen=True, kw_only=True)
class CarryOutResult:
    """What came of it: `Done`, `Deferred`, `Parked`; `Skipped` when the enrollment is over."""

    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class AnswerInput:
    """A question whose answer depends on facts or on time zones."""

    enrollment_id: str
    contact_id: str
    question: JsonObject  #: a `Question`, by `sekvens.flows.codec.to_json`
    now: datetime  #: shop time
    step_id: str = ""  #: whose question it is
    skip: bool = False  #: a person decided to go on without the answer


@dataclass(frozen=True, kw_only=True)
class AnswerResult:
    """The answer: the branch's index (None: otherwise) or the instant asked for."""

    branch: int | None = None
    instant: datetime | None = None
    parked: Parked | None = None  #: there is no answer until a person has looked


@dataclass(frozen=True, kw_only=True)
class RecordInput:
    """Record the fact behind a signal that a backend sent directly: the gate must see it."""

    contact_id: str
    event_id: str
    event_name: str
    order_id: str | None
    occurred_at: datetime  #: shop time


@dataclass(frozen=True, kw_only=True)
class MoveInput:
    """Record where a moved enrollment stands: its workflow goes by the new version now."""

    enrollment_id: str
    version: int
    step_id: str | None
    counts_from: datetime  #: shop time from which the step counts


@dataclass(frozen=True, kw_only=True)
class FinishInput:
    """Close the enrollment's row."""

    enrollment_id: str
    reason: str
    step_id: str | None
    now: datetime  #: shop time


@dataclass(frozen=True, kw_only=True)
class JournalLine:
    """One line of the readable view."""

    at: datetime
    text: str


@dataclass(frozen=True, kw_only=True)
class EnrollmentView:
    """What the `view` query answers: readable without decoding anything."""

    flow: str
    version: int
    contact_id: str
    enrollment_id: str
    status: Literal["under way", "parked", "ended"]
    step_id: str | None
    doing: str  #: one sentence: what it waits for, and until when
    exit_reason: str | None
    journal: tuple[JournalLine, ...]
