"""What becomes of a message whose answer was lost (DESIGN, invariant 8).

A message in doubt waits, durably and in no worker's slot, for its grace: longer than the dispatch
deadline, the age at which AWS refuses a signature, the clocks' difference and the delay of events
together. Then:

* its Send event has come: it has arrived;
* the stream of events is proven alive and has none of it: it was not sent, and is sent again;
* SES itself takes nothing: what it did not answer waits until it does;
* the stream is silent: marketing is given up as `outcome_unknown`; a transactional message is held,
  with an alarm, and sent again when `resend_seconds` are over.

Why no order of commits makes a silent duplicate. (1) A report is committed together with what it
changes in the ledger, and everything received with it. (2) Here the proof is read first, and the
claim taken after it, by a comparison: it fails if anybody has settled or claimed the row since it
was read. So an event that was committed before the proof is always seen. (3) What could come after
the claim is looked for once more under the contact's lock, right before the call. (4) An event that
comes later still was accepted a grace ago and overtaken by the whole stream: that is the residual
risk, and a second message is then flagged, because the claim itself sets `resent_in_doubt`.
(5) A sender that wakes up after all this has a claim that no longer stands, a deadline that is
over, and a signature that AWS refuses.

Without a queue of feedback, time alone decides.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.enrollments.wire import SendInput
from sekvens.feedback.evidence import Evidence, Judgement
from sekvens.feedback.tables import Feedback
from sekvens.flows.steps import Purpose
from sekvens.messages import settling
from sekvens.messages.ledger import Claim
from sekvens.messages.patience import WAIT_MAX
from sekvens.messages.tables import Message, Settlement
from sekvens.messages.verdicts import is_late
from sekvens.sections import SendingSettings

#: Marketing that is never late is waited for no longer than this (wall time).
USE_MAX = timedelta(days=3)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """SES has said that it took the message."""

    event: Feedback


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Nothing is known yet: look again after so much wall time."""

    wait: timedelta


@dataclass(frozen=True, kw_only=True)
class SendAgain:
    """It is to be sent again, and flagged; the reason stands in the ledger."""

    is_not_sent: bool  #: certainly; or else it may have arrived


@dataclass(frozen=True, kw_only=True)
class GiveUp:
    """What became of it will not be known."""


Decision: TypeAlias = Arrived | Wait | SendAgain | GiveUp


class Doubt:
    """Decides on messages in doubt. One per process; threads share it."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        sending: SendingSettings,
        evidence: Evidence | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._grace = timedelta(seconds=sending.grace_seconds)
        self._resend = timedelta(seconds=sending.resend_seconds)
        self._evidence = evidence
        #: when a message that is in doubt from now on is worth a first look
        self.first_look = evidence.next_look(timedelta(0)) if evidence else self._grace

    def decide(self, order: SendInput, message: Message) -> Decision:
        """Decide on a message whose row says `dispatching`."""
        age = self._clock.now() - (message.dispatched_at or message.claimed_at)
        if self._evidence is None:
            limit = self._grace if order.purpose == Purpose.MARKETING else self._resend
            return Wait(wait=limit - age) if age < limit else self._by_time(order, message, age)
        event = self._evidence.event_of(message.id)
        if event is not None:
            return Arrived(event=event)
        if age < self._grace:
            return Wait(wait=self._evidence.next_look(age))
        match self._evidence.weigh(message):
            case Judgement.NOT_SENT:
                return self._again(order, message, Settlement.LIVE_STREAM)
            case Judgement.UNDECIDED if not _is_over(order, age, resend=self._resend):
                return Wait(wait=self._evidence.next_look_at_probes(age))
            case Judgement.UNDECIDED | Judgement.SILENT:
                return self._by_time(order, message, age)

    def is_over(self, claim: Claim) -> bool:
        """Tell, right before the call, whether a doubt has been settled since it was claimed."""
        if not claim.in_doubt:
            return False
        with self._database.read() as session:
            if not settling.holds(session, claim):
                return True
        return self._evidence is not None and self._evidence.event_of(claim.message.id) is not None

    def _by_time(self, order: SendInput, message: Message, age: timedelta) -> Decision:
        """Decide without evidence: marketing at most once, transactional at least once."""
        if order.purpose == Purpose.MARKETING or (order.skip and age >= self._resend):
            return GiveUp()
        if age < self._resend:
            said = "is held: SES's events do not come, so nobody knows whether it arrived"
            _warn("message_held", order, message, said)
            return Wait(wait=min(self._resend - age, WAIT_MAX))
        return self._again(order, message, Settlement.TIME)

    def _again(self, order: SendInput, message: Message, why: Settlement) -> Decision:
        with self._database.write() as session:
            if not settling.judge(session, message, why):
                return Wait(wait=settling.CALLING_FOR_MAX)
        said = {
            Settlement.LIVE_STREAM: "is sent again: it did not reach SES",
            Settlement.TIME: "is sent again: it may have reached SES, and may not",
        }
        _warn("message_resent", order, message, said[why])
        return SendAgain(is_not_sent=why is Settlement.LIVE_STREAM)


def _is_over(order: SendInput, age: timedelta, *, resend: timedelta) -> bool:
    """Tell whether a message is out of time, though nothing can be known while SES takes nothing.

    Order mail is owed at least once. Marketing waits for as long as it is of use.
    """
    if order.purpose == Purpose.TRANSACTIONAL:
        return age >= resend
    return is_late(order) if order.lateness_seconds_max is not None else age >= USE_MAX


def _warn(action: str, order: SendInput, message: Message, said: str) -> None:
    logger.warning(
        "%s/%s %s",
        order.flow,
        order.step_id,
        said,
        extra={
            "action": action,
            "message_id": message.id,
            "enrollment_id": order.enrollment_id,
            "contact_id": order.contact_id,
        },
    )
