"""Sending one message: claim, lock, gate, SES, ledger, in this order and in one place.

The promise (docs/message-lifecycle.md): a row is claimed and committed before SES is called once;
the gate is asked under the contact's lock; an unknown outcome is never answered by sending again
before the grace has passed, and then only as `sekvens.messages.doubt` decides.
"""

import logging
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.consent_section import ConsentSettings
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.zone import zone_of
from sekvens.db.session import Database
from sekvens.enrollments.position import park
from sekvens.enrollments.publish import PublishedFlow, pinned_flow
from sekvens.enrollments.wire import SendInput
from sekvens.errors import (
    LockTimeout,
    NotSent,
    OfferOver,
    OutcomeUnknown,
    SesPaused,
    SesRejected,
    TemplateError,
    TooSlow,
    in_a_word,
)
from sekvens.experiments.drawing import variant_of
from sekvens.experiments.plan import of_everything
from sekvens.experiments_section import ExperimentSettings
from sekvens.fault_points import FaultPoint, reached
from sekvens.feedback.evidence import Evidence
from sekvens.flows.codec import from_json
from sekvens.flows.commands import NextLocalTime
from sekvens.flows.outcomes import (
    Deferred,
    InDoubt,
    Outcome,
    Parked,
    Sent,
    Skipped,
    SkipReason,
)
from sekvens.flows.steps import Purpose
from sekvens.messages import ledger, settling
from sekvens.messages.doubt import Arrived, Doubt, GiveUp, SendAgain, Wait
from sekvens.messages.envelope import Envelope, Sealed
from sekvens.messages.gate import Gate, after
from sekvens.messages.ledger import Claim
from sekvens.messages.modes import expected
from sekvens.messages.patience import retry_after
from sekvens.messages.tables import Message, MessageState, Settlement
from sekvens.messages.trail import log_sent, log_skipped
from sekvens.messages.verdicts import Allowed, Later, Refused, Verdict
from sekvens.reputation.breaker import Breaker
from sekvens.sections import SendingSettings
from sekvens.send_time.local_time import next_local_time
from sekvens.ses.taking import Ses
from sekvens.switches.turning import senders_share

logger = logging.getLogger(__name__)

#: From the claim to the signed request: a worker that was frozen for longer sends nothing.
DISPATCH_DEADLINE = timedelta(seconds=5)
#: A sender waits this long for the contact's lock: later, the deadline would be too near.
LOCK_TIMEOUT = timedelta(seconds=4)
#: Longer than an attempt's deadline and SES's time-outs together.
OVERTAKEN_FOR = timedelta(seconds=15)

#: The locks were taken for somebody who has become somebody else: take them again.
JUST_MERGED = "contact_merged"
JUST_MERGED_WAIT = timedelta(seconds=1)
#: A text from the dashboard was not composed in time: the machine is busy, and looks again.
TOO_SLOW = "too_slow"
_STALE = Refused(reason=SkipReason.STALE)


class Sender:
    """Sends messages. One per process; its `send` is called by many threads at once."""

    def __init__(
        self, *, database: Database, ses: Ses, clock: Clock, envelope: Envelope,
        sending: SendingSettings, evidence: Evidence | None = None,
        consent: ConsentSettings | None = None, experiments: ExperimentSettings | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._ses = ses
        self._clock = clock
        self._envelope = envelope
        self._experiments = experiments or ExperimentSettings()
        has_holdout = self._experiments.holdout > 0
        self._gate = Gate(sending, envelope.shop, consent, has_holdout=has_holdout)
        self._breaker = Breaker(database, clock)
        self._doubt = Doubt(database=database, clock=clock, sending=sending, evidence=evidence)

    def send(self, order: SendInput) -> Outcome:
        """Send the message of one step, unless it has been, must not be, or cannot be yet.

        It may be called any number of times for the same step, at once too: SES is called again
        only when it certainly did not take the message, or for order mail that waited in vain.
        """
        self._breaker.look()
        with self._database.write() as session:
            message = ledger.open_row(session, order, now=self._clock.now())
            self._draw(session, order)
            published = pinned_flow(session, order.flow, order.flow_version)
        settled = self._settled(order, published, message)
        if settled is not None:
            return settled
        # A first look without the lock: most refusals need neither the e-mail nor the lock.
        verdict = self._look(order, published)
        in_doubt = message.state == MessageState.DISPATCHING
        if not isinstance(verdict, Allowed):
            return self._refuse(order, message, verdict, in_doubt=in_doubt)
        try:
            mail = self._envelope.fill(order, message.id, verdict.recipient)
        except TooSlow:
            later = Later(reason=TOO_SLOW, until=after(order, OVERTAKEN_FOR))
            return self._refuse(order, message, later, in_doubt=in_doubt)
        except OfferOver:
            return self._refuse(order, message, _STALE, in_doubt=in_doubt)
        except TemplateError as error:
            return self._park(order, error)
        return self._dispatch(order, published, message, mail)

    def _draw(self, session: Session, order: SendInput) -> None:
        """Let the lot say, once for each contact, whether they are to get any marketing at all."""
        share, days = self._experiments.holdout, self._experiments.holdout_days
        if not share or order.purpose == Purpose.TRANSACTIONAL:
            return
        plan = of_everything(share, timedelta(days=days))
        contact_id = canonical_id(session, order.contact_id)
        variant_of(session, plan, contact_id=contact_id, now=order.now)

    def _settled(
        self, order: SendInput, published: PublishedFlow, message: Message
    ) -> Outcome | None:
        """Tell the outcome that stands in the ledger, or None if there is something to do."""
        if message.state == MessageState.ACCEPTED:
            if message.settled_by in (Settlement.EVENT, Settlement.LATE_EVENT):
                with self._database.write() as session:
                    settling.follow(session, order)
            return Sent(message_id=message.id, resume_at=self._resume_at(order))
        if message.state == MessageState.SKIPPED:
            reason = SkipReason(message.skip_reason or SkipReason.OPERATOR)
            # Whoever skipped it may have died before it could say that the enrollment ends.
            verdict = self._look(order, published)
            exit_reason = verdict.exit if isinstance(verdict, Refused) else None
            return Skipped(reason=reason, exit=exit_reason, resume_at=self._resume_at(order))
        if message.state == MessageState.DISPATCHING:
            return self._unknown(order, message)
        if order.skip:
            return self._skip(order, message, SkipReason.OPERATOR)
        return None

    def _unknown(self, order: SendInput, message: Message) -> Outcome | None:
        """Settle a message whose answer was lost; None: it is to be sent again."""
        decision = self._doubt.decide(order, message)
        match decision:
            case Arrived():
                with self._database.write() as session:
                    settling.arrived(session, order, decision.event)
                return Sent(message_id=message.id, resume_at=self._resume_at(order))
            case Wait():
                return InDoubt(until=after(order, decision.wait))
            case GiveUp():
                return self._skip(order, message, SkipReason.OUTCOME_UNKNOWN)
            case SendAgain():
                skips = order.skip and decision.is_not_sent
                return self._skip(order, message, SkipReason.OPERATOR) if skips else None

    def _look(self, order: SendInput, published: PublishedFlow) -> Verdict:
        with self._database.read() as session:
            return self._gate.decide(session, order, published, now=self._clock.now())

    def _dispatch(
        self, order: SendInput, published: PublishedFlow, message: Message, mail: Sealed
    ) -> Outcome:
        reached(FaultPoint.BEFORE_CLAIM, order.contact_id)
        with self._database.write() as session:
            session.connection()  # SQLite's one writer has been waited for: the claim is at once
            # Before the claim's own instant: the grace, too, counts from that, and a worker may be
            # frozen right after the commit.
            deadline = time.monotonic() + DISPATCH_DEADLINE.total_seconds()
            now = self._clock.now()
            claim = ledger.claim(
                session,
                message,
                order=order,
                now=now,
                targets=mail.targets,
                copy=mail.copy,
                locale=mail.locale,
                tracks_opens=mail.tracks_opens,
            )
        reached(FaultPoint.AFTER_CLAIM, order.contact_id)
        if claim is None:
            return _overtaken(order)
        with ExitStack() as held:
            try:
                # Also under the id that the row carries: by it the barrier knows whom to wait for.
                whose = self._whose(order)
                under = senders_share(order.flow)
                locks = self._database.locks.hold(*whose, timeout=LOCK_TIMEOUT, under=under)
                held.enter_context(locks)
                merged = self._whose(order) != whose
                verdict = _just_merged(order) if merged else self._look(order, published)
                if self._doubt.is_over(claim):
                    return _overtaken(order)
            except LockTimeout as error:
                return self._hold_back(order, claim, error)
            except Exception as error:
                # A database that went away, or a bug: SES was not called, so nothing is in doubt.
                self._release(claim, note=f"{type(error).__name__} before the call")
                raise
            return self._call(order, claim, verdict, mail=mail, deadline=deadline)

    def _whose(self, order: SendInput) -> list[str]:
        """List whose locks a sender holds: the contact's, and its own before it was merged."""
        with self._database.read() as session:
            contact_id = canonical_id(session, order.contact_id)
        return sorted({order.contact_id, contact_id})

    def _call(
        self, order: SendInput, claim: Claim, verdict: Verdict, *, mail: Sealed, deadline: float
    ) -> Outcome:
        """Call SES if the gate has said so, and record what it answered; under the lock."""
        message = claim.message
        if isinstance(verdict, Later):
            self._release(claim, note=verdict.why)
        if not isinstance(verdict, Allowed):
            return self._refuse(order, message, verdict, in_doubt=claim.in_doubt)
        if verdict.recipient != mail.recipient:
            return self._hold_back(order, claim, NotSent("the address has just changed"))
        try:
            ses_message_id = self._ses.send(
                raw=mail.raw,
                sender=mail.sender,
                recipient=mail.recipient,
                tags=mail.tags,
                deadline=deadline,
                tracks_opens=mail.tracks_opens,
            )
        except OutcomeUnknown as error:
            _warn("message_in_doubt", order, error)
            ledger.record(self._database, lambda session: ledger.doubt(session, claim, order))
            return InDoubt(until=after(order, self._doubt.first_look))
        except SesRejected as error:
            _warn("message_rejected", order, error)
            return self._skip(order, message, SkipReason.REJECTED, note=str(error))
        except NotSent as error:
            return self._hold_back(order, claim, error)
        reached(FaultPoint.REPLY_BEFORE_LEDGER, order.contact_id)
        now = self._clock.now()
        ledger.record(
            self._database,
            lambda session: ledger.accepted(
                session, message.id, order, ses_message_id=ses_message_id, now=now
            ),
        )
        log_sent(self._database, order, message.id, ses_message_id)
        return Sent(message_id=message.id, resume_at=self._resume_at(order))

    def _refuse(
        self, order: SendInput, message: Message, verdict: Refused | Later, *, in_doubt: bool
    ) -> Outcome:
        if isinstance(verdict, Later):
            with self._database.write() as session:
                ledger.hold(session, message, order, until=expected(verdict), note=verdict.why)
            return Deferred(until=verdict.until, reason=verdict.reason)
        # What may have arrived is not said to have been refused.
        reason = SkipReason.OUTCOME_UNKNOWN if in_doubt else verdict.reason
        outcome = self._skip(order, message, reason)
        return replace(outcome, exit=verdict.exit) if isinstance(outcome, Skipped) else outcome

    def _skip(
        self, order: SendInput, message: Message, reason: SkipReason, note: str | None = None
    ) -> Outcome:
        if not ledger.record(
            self._database,
            lambda session: ledger.skipped(session, message, order, reason, note),
        ):
            return _overtaken(order)
        log_skipped(self._database, order, message.id, reason)
        return Skipped(reason=reason, resume_at=self._resume_at(order))

    def _hold_back(self, order: SendInput, claim: Claim, error: Exception) -> Deferred:
        """Give the claim back, and look again after a while."""
        kind, attempts = type(error), claim.message.attempts
        until = after(order, retry_after(error, attempts=attempts, purpose=order.purpose))
        self._release(claim, note=str(error), until=until)
        if kind is SesPaused:
            _warn("ses_paused", order, error)
        return Deferred(until=until, reason=in_a_word(error))

    def _release(self, claim: Claim, *, note: str, until: datetime | None = None) -> None:
        release = partial(ledger.release, claim=claim, note=note, until=until)
        ledger.record(self._database, release)

    def _park(self, order: SendInput, error: TemplateError) -> Parked:
        code, now = error.code, self._clock.now()
        with self._database.write() as session:
            whose, step_id = order.enrollment_id, order.step_id
            park(session, whose, str(error), step_id=step_id, code=code, now=now)
        _warn("enrollment_parked", order, error)
        return Parked(reason=str(error), code=code)

    def _resume_at(self, order: SendInput) -> datetime | None:
        """Answer the question of the wait that follows, to spare it an activity of its own."""
        if order.resume is None:
            return None
        question = from_json(NextLocalTime, order.resume)
        with self._database.read() as session:
            zone = zone_of(session, order.contact_id, self._envelope.shop)
        return next_local_time(question.not_before, question.local_time, zone)


def _just_merged(order: SendInput) -> Later:
    return Later(reason=JUST_MERGED, until=after(order, JUST_MERGED_WAIT))


def _overtaken(order: SendInput) -> InDoubt:
    """Leave the message to another attempt that is at it, and look again when that is over."""
    return InDoubt(until=after(order, OVERTAKEN_FOR))


def _warn(action: str, order: SendInput, error: Exception) -> None:
    extra = {
        "action": action,
        "enrollment_id": order.enrollment_id,
        "contact_id": order.contact_id,
        "reason": type(error).__name__,
    }
    logger.warning("%s/%s: %s", order.flow, order.step_id, error, extra=extra)
