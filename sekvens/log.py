"""How a log line looks: a sentence for a person, then what machines look for.

Lines end with `action=…` and the ids that came with it, so that they can be found by enrollment,
contact or message. docs/how-to/run-in-production.md lists the actions.
"""

import logging

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
