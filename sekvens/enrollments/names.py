"""Names that outlive a deploy: they stand in histories, databases and other people's scripts.

Renaming one orphans what is under way; `tests/replay/test_names_are_pinned.py` pins each of them.
"""

import hashlib
import re

#: Task queue of workflows and quick activities.
FLOWS_QUEUE = "flows"
#: Task queue of sends alone, so that SES's rate can be a limit on the queue.
SES_QUEUE = "ses"

SEND_ACTIVITY = "send_message"
ANSWER_ACTIVITY = "answer_question"
CARRY_OUT_ACTIVITY = "carry_out"
RECORD_ACTIVITY = "record_signal"
FINISH_ACTIVITY = "finish_enrollment"
MOVE_ACTIVITY = "move_enrollment"

EVENTS_SIGNAL = "events"
PURCHASE_SIGNAL = "purchase"
UNSUBSCRIBE_SIGNAL = "unsubscribe"
#: The event behind a signal that has a name of its own; any other is named like its event.
DIRECT_SIGNALS = {PURCHASE_SIGNAL: "Order Completed", UNSUBSCRIBE_SIGNAL: "Unsubscribed"}
#: An id given with a signal may be as long as one that comes by HTTP.
ID_LENGTH_MAX = 255
RETRY_SIGNAL = "retry"
SKIP_SIGNAL = "skip"
EXIT_SIGNAL = "exit"
VIEW_QUERY = "view"

#: Search attributes (all Keyword), registered by the worker at start.
CONTACT_ID = "ContactId"
FLOW_VERSION = "FlowVersion"
EXIT_REASON = "ExitReason"
PARKED_REASON = "ParkedReason"
SEARCH_ATTRIBUTES = (CONTACT_ID, FLOW_VERSION, EXIT_REASON, PARKED_REASON)

#: Memo key that ties a workflow execution to its row.
ENROLLMENT_ID = "enrollment_id"

#: Marks in a history that an exit by the relay was understood.
EXIT_BY_RELAY_PATCH = "exit-by-relay"

_SAFE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


def move_patch(seq: int) -> str:
    """Mark in a history that the move of this number was understood.

    Each has a mark of its own: one that an older worker passed over can be sent again.
    """
    return f"move-{seq}"


def look_patch(seq: int) -> str:
    """Mark in a history that the look of this number was understood; see `move_patch`."""
    return f"look-{seq}"


def workflow_id(flow: str, contact_id: str, entry_key: str | None) -> str:
    """Make the deterministic workflow id of an entry: `<flow>/<contact_id>[/<entry_key>]`.

    An entry key comes from outside and may be an address: it goes in as `plain` makes it.
    """
    if entry_key is None:
        return f"{flow}/{contact_id}"
    return f"{flow}/{contact_id}/{plain(entry_key)}"


def plain(given: str) -> str:
    """Give back an id from outside if it is short and plain, else its hash: it may be anything."""
    if _SAFE_KEY.fullmatch(given):
        return given
    return "h-" + hashlib.sha256(given.encode()).hexdigest()[:24]
