"""What the stream of Send events proves about a message whose answer was lost.

*Arrived*: its own event has come, or any other that only follows one. *Not sent*: the stream is
alive and has not brought it. A stream that says nothing proves nothing.

The stream is alive for a message when three things are known of the queue's other Send events (of
our own messages, tags and all):

* one from before the message was dispatched: events were switched on then;
* one that SES accepted a whole grace after the dispatch: no request of ours could be accepted any
  more, for its signature was too old, and the assumed delay of events has passed besides. What
  counts is SES's own time, so a stream that is late as a whole proves nothing;
* the queue has been read to its end after that grace, so that nothing old lies in it any more.

The stream is silent when SES has taken something of ours after that grace, and its event is still
not known when `silence_seconds` are over. While SES takes nothing there is nothing to tell: that is
an outage, and no silence. Nor is it one while nobody reads, so this process must have been there
for as long.
"""

from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.feedback.kinds import OF_A_TAKEN_MESSAGE
from sekvens.feedback.probe import Prober
from sekvens.feedback.reading import SEND
from sekvens.feedback.tables import Feedback, FeedbackQueue, Probe
from sekvens.messages.tables import Message
from sekvens.sections import FeedbackSettings

#: Probes that are not told of are looked for no less often than this (wall time).
WAIT_MAX = timedelta(minutes=10)
#: An event comes within seconds: so long after the dispatch (wall time) is the first look for it.
FIRST_LOOK = timedelta(seconds=30)


class Judgement(Enum):
    """What is known of a message in doubt, once its grace is over."""

    NOT_SENT = "not sent"  #: the stream is alive, and has no event of it
    UNDECIDED = "undecided"  #: the stream is being tested, or SES takes nothing
    SILENT = "silent"  #: SES takes messages, and the stream does not tell of them


class Evidence:
    """Weighs the stream of Send events. One per process; threads share it."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        feedback: FeedbackSettings,
        grace: timedelta,
        prober: Prober,
    ) -> None:
        self._database = database
        self._clock = clock
        self._queue_url = feedback.queue_url
        self._grace = grace
        self._silence = timedelta(seconds=feedback.silence_seconds)
        self._prober = prober
        self._look_interval = timedelta(seconds=feedback.probe_seconds)
        #: before that all workers may have been dead, and what SES told lies in the queue
        self._reads_since = clock.now()

    def event_of(self, message_id: str) -> Feedback | None:
        """Find SES's word that it took a message: its Send event, or any other that follows it."""
        with self._database.read() as session:
            query = select(Feedback).where(
                Feedback.message_id == message_id, Feedback.kind.in_(OF_A_TAKEN_MESSAGE)
            )
            return session.scalars(query.order_by(Feedback.type != SEND, Feedback.at)).first()

    def next_look(self, age: timedelta) -> timedelta:
        """Tell how long to wait for the event of a message that has been in doubt for so long."""
        return min(self._grace - age, max(FIRST_LOOK, age))

    def next_look_at_probes(self, age: timedelta) -> timedelta:
        """Tell how long to wait for probes to be told of: ever longer, if they are not."""
        return max(self._look_interval, min(age - self._grace, WAIT_MAX))

    def weigh(self, message: Message) -> Judgement:
        """Judge a message that has been in doubt for its grace, and test the stream if need be."""
        since = message.dispatched_at or message.claimed_at
        over = since + self._grace
        with self._database.read() as session:
            if self._is_alive(session, message.id, since=since, over=over):
                return Judgement.NOT_SENT
            tells_since = self._first_taken(session, since=over)
        self._prober.probe()
        if tells_since is None:
            return Judgement.UNDECIDED
        is_over = self._clock.now() >= max(tells_since, self._reads_since) + self._silence
        return Judgement.SILENT if is_over else Judgement.UNDECIDED

    def _first_taken(self, session: Session, *, since: datetime) -> datetime | None:
        """Tell since when there is something of ours that SES has taken and could have told of."""
        message = select(func.min(Message.accepted_at)).where(Message.accepted_at >= since)
        probe = select(func.min(Probe.sent_at)).where(Probe.sent_at >= since)
        known = [at for at in (session.scalar(message), session.scalar(probe)) if at is not None]
        return min(known, default=None)

    def _is_alive(
        self, session: Session, message_id: str, *, since: datetime, over: datetime
    ) -> bool:
        others = select(Feedback.id).where(
            Feedback.type == SEND, Feedback.is_ours, Feedback.message_id != message_id
        )
        read = session.get(FeedbackQueue, self._queue_url)
        if read is None or read.caught_up_at < over:
            return False
        after = session.scalar(others.where(Feedback.at >= over).limit(1))
        before = session.scalar(others.where(Feedback.at < since).limit(1))
        return after is not None and before is not None
