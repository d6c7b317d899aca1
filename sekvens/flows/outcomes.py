"""What became of a step when its activity looked at it: values, never exceptions.

They travel as the activity's result, so they hold ids, reasons and instants only.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

from sekvens.flows.steps import ExitReason


class SkipReason(StrEnum):
    """Why a message was not sent, on purpose. Persisted: members are never renamed."""

    NO_CONSENT = "no_consent"  #: the contact has not agreed to marketing, or took it back
    SUPPRESSED = "suppressed"  #: the address bounced, complained or was blocked by hand
    NO_ADDRESS = "no_address"  #: we hold no address that SES would accept
    NOT_ALLOWED = "not_allowed"  #: outside production, and the address is not on the allow-list
    EXITED = "exited"  #: a committed fact had already ended the enrollment
    FILTER = "filter"  #: the entry conditions no longer hold
    FREQUENCY_CAP = "frequency_cap"  #: too much mail for one contact
    QUIET_HOURS_EXPIRED = "quiet_hours_expired"  #: no allowed hour before the message went stale
    STALE = "stale"  #: later than the step allows, or its offer is over
    REJECTED = "rejected"  #: SES refused this message for good
    OUTCOME_UNKNOWN = "outcome_unknown"  #: SES may have it; marketing is at most once
    OPERATOR = "operator"  #: a person skipped it
    HOLDOUT = "holdout"  #: the lot keeps all marketing from the contact, for comparison
    DRAFT = "draft"  #: its step, or its flow, is a draft
    NOT_APPROVED = "not_approved"  #: it waited for a person, who said no


@dataclass(frozen=True, kw_only=True)
class Sent:
    """SES accepted the message. `resume_at` is the local time that the next wait asked for."""

    message_id: str
    resume_at: datetime | None = None
    kind: Literal["sent"] = "sent"


@dataclass(frozen=True, kw_only=True)
class Done:
    """A step that sends nothing has been carried out; `text` says briefly what came of it."""

    text: str = "done"
    kind: Literal["done"] = "done"


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """The message was not sent and never will be; `exit` also ends the enrollment."""

    reason: SkipReason
    exit: ExitReason | None = None
    resume_at: datetime | None = None
    kind: Literal["skipped"] = "skipped"


@dataclass(frozen=True, kw_only=True)
class Deferred:
    """Not now: look again at `until` (shop time)."""

    until: datetime
    reason: str
    kind: Literal["deferred"] = "deferred"


@dataclass(frozen=True, kw_only=True)
class InDoubt:
    """SES may or may not have the message: look again at `until` (shop time)."""

    until: datetime
    kind: Literal["in_doubt"] = "in_doubt"


@dataclass(frozen=True, kw_only=True)
class Parked:
    """The message cannot be made (a broken template, a missing fact): a person must look."""

    reason: str
    code: str = "template"  #: the reason in a word
    kind: Literal["parked"] = "parked"


Outcome: TypeAlias = Sent | Done | Skipped | Deferred | InDoubt | Parked
