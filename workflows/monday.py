"""The Monday mail, on a schedule: one activity, which writes to whoever of the staff is to get it.

What SES certainly did not take is tried again for a day; nothing is ever sent twice.
"""

from datetime import timedelta

from temporalio import workflow

from workflows.audiences import PATIENT

# Passed through the sandbox: names and frozen dataclasses of the standard library alone.
with workflow.unsafe.imports_passed_through():
    from sekvens.staff.monday import names
    from sekvens.staff.monday.wire import MondayInput, MondayResult

#: Each member's mail takes a call to SES, and a slow database its time.
SENDING_TIMEOUT = timedelta(minutes=10)
#: On Tuesday last week is no news any more.
NEWS_FOR = timedelta(days=1)


@workflow.defn(name=names.MONDAY_WORKFLOW)
class MondayWorkflow:
    """Tells the staff of last week, and of what needs them."""

    @workflow.run
    async def run(self, order: MondayInput) -> MondayResult:
        """Send this week's to everybody who is to get it and has not."""
        result: MondayResult = await workflow.execute_activity(
            names.MONDAY_ACTIVITY,
            order,
            result_type=MondayResult,
            start_to_close_timeout=SENDING_TIMEOUT,
            schedule_to_close_timeout=NEWS_FOR,
            retry_policy=PATIENT,
        )
        workflow.set_current_details(result.sentence)
        return result
