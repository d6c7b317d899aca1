"""The activity of the Monday mail: all of this week's that have not been sent."""

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from sekvens.staff.monday import names
from sekvens.staff.monday.posting import MondayPost
from sekvens.staff.monday.wire import MondayInput, MondayResult


class MondayActivities:
    """Sends, in threads; a repeat sends what SES certainly did not take, and nothing twice."""

    def __init__(self, post: MondayPost) -> None:
        self._post = post

    @activity.defn(name=names.MONDAY_ACTIVITY, no_thread_cancel_exception=True)
    def send_monday_mails(self, _order: MondayInput) -> MondayResult:
        """Send what is to be sent; what is held is tried again by Temporal."""
        result = self._post.send()
        if result.held:
            raise ApplicationError(
                f"Monday mails: {result.sentence}; what is held is tried again",
                type="MondayMailHeld",
                category=ApplicationErrorCategory.BENIGN,
            )
        return result
