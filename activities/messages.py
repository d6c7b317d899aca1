"""The send activity: one per e-mail, gate, compose, SES and ledger in one."""

from dataclasses import replace
from datetime import timedelta

from temporalio import activity

from activities.bugs import Bugs, Step
from sekvens.enrollments import names
from sekvens.enrollments.wire import SendInput, SendResult
from sekvens.fault_points import FaultPoint, reached
from sekvens.messages.send import Sender
from sekvens.prometheus.outcomes import count_turn


class MessageActivities:
    """Sends messages, in threads: the sender and boto3 are synchronous."""

    def __init__(self, sender: Sender, bugs: Bugs) -> None:
        self._sender = sender
        self._bugs = bugs

    @activity.defn(name=names.SEND_ACTIVITY, no_thread_cancel_exception=True)
    def send_message(self, order: SendInput) -> SendResult:
        """Send the message of one step; what became of it is the result, never an exception.

        The order may have waited: for a worker that was down, for the queue's rate, for a database.
        That time counts, or a reminder that is days late would leave as if it were on time.
        """
        info = activity.info()
        waited = max(info.started_time - info.scheduled_time, timedelta(0))
        order = replace(order, now=order.now + waited * order.shop_speed)
        step = Step(
            enrollment_id=order.enrollment_id,
            contact_id=order.contact_id,
            flow=order.flow,
            step_id=order.step_id,
        )
        outcome = self._bugs.parking(step, lambda: self._sender.send(order))
        count_turn(order, outcome)
        reached(FaultPoint.LEDGER_BEFORE_COMPLETION, order.contact_id)
        return SendResult(outcome=outcome)
