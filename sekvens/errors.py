"""Failures, as opposed to outcomes. The docstring of each class is the operator's message.

SekvensError
├── SettingsError
├── UnknownFlow
├── FlowConflict
├── TemplateError
│   ├── OfferPoolEmpty
│   ├── OfferOver
│   └── TooSlow
├── NotSent
│   ├── SesThrottled
│   ├── SesPaused
│   ├── SesRejected
│   └── DispatchTooLate
├── OutcomeUnknown
├── LockTimeout
└── NotDelivered
    ├── TemporalUnavailable
    └── TemporalRefused
"""

import re
from typing import ClassVar


class SekvensError(Exception):
    """Sekvens could not do what was asked."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class SettingsError(SekvensError):
    """The settings cannot be used."""


class UnknownFlow(SekvensError):
    """No flow of this name is published. `starter.py flows list` shows those that are."""


class FlowConflict(SekvensError):
    """A published flow version is immutable: publish another definition as a new version."""


class TemplateError(SekvensError):
    """An e-mail cannot be made from its template for this contact; the enrollment is parked."""

    #: the reason in a word, for whoever parks the enrollment
    code: ClassVar[str] = "template"


class OfferPoolEmpty(TemplateError):
    """No code is left in the offer's pool; the enrollment is parked, and goes on by a retry."""

    code: ClassVar[str] = "offer_pool_empty"


class TooSlow(TemplateError):
    """An e-mail that is written in a process of its own was not ready in time: the machine is busy.

    What burns CPU is ended by that, and is none of these.
    """


class OfferOver(TemplateError):
    """What the e-mail would promise is over, or used; it is skipped, for nobody can mend that."""

    code: ClassVar[str] = "offer_over"


class NotSent(SekvensError):
    """SES certainly did not take the message; it may be tried again."""


class SesThrottled(NotSent):
    """SES asks for fewer messages a second, or the day's quota is used up."""


class SesPaused(NotSent):
    """SES takes no mail from this account or identity until a person mends it."""


class SesRejected(NotSent):
    """SES refuses this one message, and always will."""


class DispatchTooLate(NotSent):
    """Too much time passed between claim and call: the worker was frozen. Nothing was sent."""


class OutcomeUnknown(SekvensError):
    """The answer of SES was lost: it may have the message, and it may not."""


class LockTimeout(SekvensError):
    """Another process held the contact's lock for too long."""


class NotDelivered(SekvensError):
    """Temporal did not confirm a start or a signal; the relay keeps it and tries again."""


class TemporalUnavailable(NotDelivered):
    """Temporal cannot be reached, or is too busy to answer."""


class TemporalRefused(NotDelivered):
    """Temporal refuses this start or signal as it is: a setting or a registration is missing."""


def in_a_word(error: BaseException) -> str:
    """Tell an error's kind as metrics and the ledger do: `SesThrottled` is `ses_throttled`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
