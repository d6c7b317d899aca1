"""How a log line looks: a sentence for a person, then what machines look for.

Lines end with `action=…` and the ids that came with it, so that they can be found by enrollment,
contact or message. docs/how-to/run-in-production.md lists the actions.
"""

import logging
import traceback
from pathlib import Path

#: What every record has; the rest came by `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class SentenceFormatter(logging.Formatter):
    """Writes `time LEVEL logger sentence  action=… enrollment_id=…`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's own name
        """Add what came by `extra` to the sentence, `action` first."""
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if "action" not in extra:  # a library's record: its extras are not for us
            return super().formatMessage(record)
        ordered = {"action": extra.pop("action"), **extra}
        tail = " ".join(f"{key}={value}" for key, value in ordered.items())
        return f"{super().formatMessage(record)}  {tail}"


def where(error: BaseException) -> str:
    """Tell the kind of an error and the way there, but not its text: that may quote an event."""
    inner: list[BaseException | None] = [error.__cause__ or error.__context__]
    if isinstance(error, BaseExceptionGroup):
        inner += error.exceptions
    place = f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"
    return place + "".join(f"from {where(one)}" for one in inner if one is not None)


def place_of(error: BaseException) -> str:
    """Tell the line of ours at which an error arose: `sekvens/messages/compose.py:79`."""
    root = Path(__file__).parents[1]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename]
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(root / "sekvens")]
    if not (ours or frames):
        return "an unknown place"
    last = (ours or frames)[-1]
    path = Path(last.filename)
    named = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    return f"{named}:{last.lineno}"
