"""What the stream of Send events proves about a message whose answer was lost.

*Arrived*: its own event has come. *Not sent*: the stream is alive and has not brought it. A stream
that says nothing proves nothing.

The stream is alive for a message when three things are known of the queue's other Send events (of
our own messages, tags and all):

* one from before the message was dispatched: events were switched on then;
* one that SES accepted a whole grace after the dispatch: no request of ours could be accepted any
  more, for its signature was too old, and the assumed delay of events has passed besides. What
  counts is SES's own time, so a stream that is late as a whole proves nothing;
* the queue has been read to its end after that grace, so that nothing old lies in it any more.
"""

from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.feedback.probe import Prober
from sekvens.feedback.reading import SEND
from sekvens.feedback.tables import Feedback, FeedbackQueue
from sekvens.messages.tables import Message
from sekvens.sections import FeedbackSettings

#: An event comes within seconds: so long after the dispatch (wall time) is the first look for it.
FIRST_LOOK = timedelta(seconds=30)


class Judgement(Enum):
    """What is known of a message in doubt, once its grace is over."""

    NOT_SENT = "not sent"  #: the stream is alive, and has no event of it
    UNDECIDED = "undecided"  #: the stream is being tested
    SILENT = "silent"  #: the stream has been silent for too long to prove anything


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
        #: how long to wait for a probe's event before the next look (wall time)
        self.look_interval = timedelta(seconds=feedback.probe_seconds)

    def event_of(self, message_id: str) -> Feedback | None:
        """Find SES's word that it took a message."""
        with self._database.read() as session:
            query = select(Feedback).where(Feedback.message_id == message_id, Feedback.type == SEND)
            return session.scalars(query.order_by(Feedback.at).limit(1)).first()

    def next_look(self, age: timedelta) -> timedelta:
        """Tell how long to wait for the event of a message that has been in doubt for so long."""
        return min(self._grace - age, max(FIRST_LOOK, age))

    def weigh(self, message: Message) -> Judgement:
        """Judge a message that has been in doubt for its grace, and test the stream if need be."""
        since = message.dispatched_at or message.claimed_at
        over = since + self._grace
        with self._database.read() as session:
            if self._is_alive(session, message.id, since=since, over=over):
                return Judgement.NOT_SENT
        self._prober.probe()
        if self._clock.now() >= over + self._silence:
            return Judgement.SILENT
        return Judgement.UNDECIDED

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
