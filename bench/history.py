"""What an enrollment leaves in Temporal: history events, billable actions and bytes."""

from collections.abc import Mapping

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

#: What a Temporal Cloud bill counts (docs.temporal.io/cloud/actions), as history events.
_BILLED = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
        EventType.EVENT_TYPE_MARKER_RECORDED,
    }
)


async def show_histories(client: Client, kinds: Mapping[str, str], *, mails: int) -> None:
    """Count what one workflow of each kind left; `kinds` are workflow ids by name."""
    print(f"\nWhat one enrollment of {mails} e-mails leaves in Temporal")
    print(f"  {'':<26}  events  per e-mail  actions  per e-mail    bytes  per e-mail")
    for name, workflow_id in kinds.items():
        history = await client.get_workflow_handle(workflow_id).fetch_history()
        events = list(history.events)
        actions = sum(map(_actions, events))
        size = sum(event.ByteSize() for event in events)
        print(
            f"  {name:<26}  {len(events):>6}  {len(events) / mails:>10.1f}  {actions:>7}  "
            f"{actions / mails:>10.1f}  {size:>7}  {size / mails:>10.0f}"
        )
    by_design = f"  {'design: 11N+11, 2N+2':<26}  {11 * mails + 11:>6}  "
    print(f"{by_design}{(11 * mails + 11) / mails:>10.1f}  {2 * mails + 2:>7}  "
          f"{(2 * mails + 2) / mails:>10.1f}")  # fmt: skip


def _actions(happened: HistoryEvent) -> int:
    """Count what a bill counts: a retry shows in the attempt of the start that is recorded."""
    retries = happened.activity_task_started_event_attributes.attempt - 1
    return int(happened.event_type in _BILLED) + max(0, retries)
