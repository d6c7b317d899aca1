"""Calls of a shop's backend to Segment's API, and clicks, each at its own day of the story."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

HOUR = 1 / 24


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a shop's backend: `data` are the traits of an identify, else the properties.

    A click or an answer is no call: it is what somebody does with the e-mail of a flow's step.
    """

    day: float  #: days of shop time since the story began; negative: it is told as long past
    type: Literal["identify", "track", "page", "click", "answer"]
    data: Mapping[str, Any]
    event: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    told: float | None = None  #: the day on which the shop tells of it, if not as soon as it can

    @property
    def due(self) -> float:
        """The day of the story on which the call is made: what is past is told on the first."""
        return max(0.0, self.day) if self.told is None else self.told


@dataclass(frozen=True, kw_only=True)
class Voice:
    """Makes the calls of one person, in their language."""

    user_id: str
    language: str

    def track(self, day: float, event: str, properties: Mapping[str, Any]) -> Call:
        """Tell that they did something."""
        return Call(day=day, type="track", event=event, user_id=self.user_id, data=properties)

    def click(self, day: float, email: str, flow: str, step: str) -> Call:
        """Click in an e-mail that came to this address."""
        where = {"email": email, "flow": flow, "step": step}
        return Call(day=day, type="click", user_id=self.user_id, data=where)

    def answer(self, day: float, email: str, flow: str, step: str, *, answer: str) -> Call:
        """Answer the question of an e-mail that came to this address, by its own link."""
        said = {"email": email, "flow": flow, "step": step, "answer": answer}
        return Call(day=day, type="answer", user_id=self.user_id, data=said)

    def page(self, day: float, properties: Mapping[str, Any]) -> Call:
        """Tell that they looked at a page."""
        return Call(day=day, type="page", user_id=self.user_id, data=properties)
