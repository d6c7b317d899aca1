"""Where an enrollment stands: all that the interpreter remembers, as one value for JSON.

A step id is the position. State survives a continue-as-new and a deploy, so its fields are only
ever added, with defaults, and `format` says which shape it has.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sekvens.flows.steps import ExitReason

__all__ = ["JournalEntry", "State", "Stood", "changed", "clock_text", "span_text"]

FORMAT = 1

#: The readable view keeps this many lines: a year of e-mails fits, a flood of events does not.
JOURNAL_MAX = 60
#: Direct signals remembered by id, so that the relay's delivery of the same fact is no second one.
RECORDED_MAX = 50


@dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """One thing that happened, at a shop time, in words for a person."""

    at: datetime
    text: str
    kind: Literal["entry"] = "entry"


@dataclass(frozen=True, kw_only=True)
class Stood:
    """Where an enrollment stood when it was moved to another version, so that an undo finds it."""

    step: str
    entered_at: datetime
    due_at: datetime | None = None
    owed_since: datetime | None = None
    held_until: datetime | None = None
    listens_until: datetime | None = None
    kind: Literal["stood"] = "stood"


if TYPE_CHECKING:  # so that names and types of what changes are checked as they are of `replace`
    from dataclasses import replace as changed
else:
    _new, _set = object.__new__, object.__setattr__

    def changed(value: Any, /, **fields: Any) -> Any:
        """Copy a frozen value with some fields changed: `dataclasses.replace`, far quicker.

        That ends in the generated `__init__`, which sets every field anew; a state is copied
        several times for each thing that happens to an enrollment.
        """
        copy = _new(type(value))
        _set(copy, "__dict__", value.__dict__ | fields)
        return copy


@dataclass(frozen=True, kw_only=True)
class State:
    """An enrollment's position and memory."""

    format: int = FORMAT
    step: str | None
    entered_at: datetime  #: shop time at which the step was reached
    due_at: datetime | None = None  #: when a wait ends or a send may be tried; None: not known yet
    #: when the step was due, where that is not `entered_at`: an outage makes them differ
    owed_since: datetime | None = None
    seq: int = 0  #: the relay's high-water mark
    recorded: tuple[str, ...] = ()  #: event ids of the newest direct signals
    skip: bool = False  #: a person asked to skip the send it is parked at
    parked: str | None = None  #: why it is held until a person looks
    parked_code: str | None = None  #: the same in a word, to find its like by
    heard: tuple[str, ...] = ()  #: keys of events that a listen has yet to answer, in order
    answered: tuple[str, ...] = ()  #: keys of those that it has answered
    listens_until: datetime | None = None  #: when the listen that it is inside of ends
    told: tuple[str, ...] = ()  #: sends that left, of those that another one may tell again
    held_until: datetime | None = None  #: when the wait ends of which a move has taken the step
    stood: Stood | None = None  #: before the last move, while it has not gone on since
    exit: ExitReason | None = None
    journal: tuple[JournalEntry, ...] = ()
    kind: Literal["state"] = "state"

    def note(self, now: datetime, text: str) -> "State":
        """Add a line to the journal; the oldest goes when it is full."""
        entry = JournalEntry(at=now, text=text)
        return changed(self, journal=(*self.journal, entry)[-JOURNAL_MAX:])

    def move(
        self, step: str | None, now: datetime, *, owed_since: datetime | None = None
    ) -> "State":
        """Stand at another step, from now; it may have been due before."""
        return changed(
            self,
            step=step,
            entered_at=now,
            due_at=None,
            owed_since=owed_since,
            skip=False,
            held_until=None,
            stood=None,
        )

    def wait_until(self, instant: datetime, now: datetime) -> "State":
        """Wait at the step it stands at until an instant."""
        return changed(self, due_at=instant).note(now, f"{self.step}: until {clock_text(instant)}")

    def leave(self, reason: ExitReason, now: datetime) -> "State":
        """End, with the first reason that was given."""
        if self.exit is not None:
            return self
        return changed(self, exit=reason, parked=None).note(now, f"left: {reason}")

    def remember(self, event_id: str) -> "State":
        """Remember a direct signal by its event's id."""
        return changed(self, recorded=(*self.recorded, event_id)[-RECORDED_MAX:])


def clock_text(instant: datetime) -> str:
    """Write an instant the one way that views and traces do: to the minute, in UTC."""
    return instant.isoformat(" ", "minutes")[:16]


def span_text(span: timedelta) -> str:
    """Write a span briefly: `4h`, `2d`, `2d 20h`, `90s`."""
    seconds = round(span.total_seconds())
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"
