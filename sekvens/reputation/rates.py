"""Bounce and complaint rates, judged by what is certain about them. Pure.

A raw ratio trips falsely: of a thousand messages one complaint makes 0.1 %, and says next to
nothing. What is judged is the lower end of the Wilson interval: the smallest true rate with which
what was seen is still likely. Amazon SES puts an account under review at 5 % bounces or 0.1 %
complaints of a *representative volume*, and may pause it at 10 % or 0.5 %
(https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-bounce.html).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

#: 95 % between both ends: a true rate below the lower one is seen in 2.5 % of looks.
DEVIATIONS = 1.96


class Kind(StrEnum):
    """What spoils a reputation. The members are reasons of suppression."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"


class Level(StrEnum):
    """How bad it is."""

    FINE = "fine"
    WARN = "warn"  #: somebody should look
    PAUSE = "pause"  #: marketing is held until somebody has looked


@dataclass(frozen=True, kw_only=True)
class Limits:
    """From which rates on something is done, and of how many messages they are taken."""

    warn: float
    pause: float
    #: the newest so many messages are counted; the more, the smaller the rates that can be told
    #: apart; the fewer, the sooner a bad batch shows after many good ones
    window: int
    #: of fewer messages nothing is judged
    volume_min: int


#: Simulated, 1,000 times 50,000 messages: a true rate of 0.02 % complaints trips it in 0.2 % of
#: cases (the raw ratio in 52 %), 2 % bounces in none (raw: 9 %); 0.2 % after 1,500 messages, 5 %
#: after 890 (medians). Behind 10,000 good ones, 0.5 % shows after 1,500 and 10 % after 550.
LIMITS: Mapping[Kind, Limits] = MappingProxyType(
    {
        Kind.BOUNCE: Limits(warn=0.02, pause=0.04, window=1000, volume_min=200),
        Kind.COMPLAINT: Limits(warn=0.0005, pause=0.0008, window=5000, volume_min=1000),
    }
)


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How many of the newest messages of one purpose bounced, or were complained of."""

    purpose: str
    kind: Kind
    of: int  #: messages that SES accepted
    seen: int  #: those among them that bounced, or were complained of

    @property
    def at_least(self) -> float:
        """Tell the smallest true rate that is likely, from 0 to 1."""
        return lower_bound(self.seen, self.of)

    @property
    def level(self) -> Level:
        """Judge it."""
        limits = LIMITS[self.kind]
        if self.of < limits.volume_min or self.at_least < limits.warn:
            return Level.FINE
        return Level.WARN if self.at_least < limits.pause else Level.PAUSE

    def in_words(self) -> str:
        """Write it as operators read it: `complaints: 7 of 2,000 marketing e-mails, …`."""
        share = self.seen / self.of if self.of else 0.0
        return (
            f"{self.kind}s: {self.seen:,} of the newest {self.of:,} {self.purpose} e-mails, "
            f"{share:.2%}, certainly {self.at_least:.2%}"
        )


def lower_bound(seen: int, of: int, *, deviations: float = DEVIATIONS) -> float:
    """Tell the lower end of Wilson's interval for a share, from 0 to 1.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference"
    (1927). Unlike the share itself it is near 0 while little is known.
    """
    if not seen:
        return 0.0
    share, square = seen / of, deviations**2
    half = deviations * math.sqrt(share * (1 - share) / of + square / (4 * of**2))
    return max(0.0, (share + square / (2 * of) - half) / (1 + square / of))
