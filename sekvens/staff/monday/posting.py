"""Sends the Monday mail, at most once to each member of the staff and week, whatever happens.

A row is committed before SES is called. After an unknown outcome, and after a crash in between, SES
is not called again: a Monday mail too few is better than two. Only what SES certainly did not take
is tried again. No address is logged, and none leaves this module but to SES.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.errors import NotSent, OutcomeUnknown, SesRejected, in_a_word
from sekvens.messages.gate import is_allowed
from sekvens.messages.tables import MessageState
from sekvens.metrics.rules import Rules
from sekvens.ses.mime import Mail, assemble
from sekvens.ses.taking import Ses
from sekvens.settings import Settings
from sekvens.staff.monday import writing
from sekvens.staff.monday.letter import Letter, Reader, letter
from sekvens.staff.monday.week import WeekTold, told
from sekvens.staff.monday.wire import MondayResult
from sekvens.staff.tables import LANGUAGES, MondayMail, StaffMember

logger = logging.getLogger(__name__)

#: From the claim to the signed request, as of every message.
DEADLINE: Final = timedelta(seconds=5)


class Outcome(StrEnum):
    """What became of one Monday mail; each is a field of `MondayResult`."""

    SENT = "sent"
    SKIPPED = "skipped"
    IN_DOUBT = "in_doubt"
    HELD = "held"
    SENT_BEFORE = "sent_before"


@dataclass(frozen=True, kw_only=True)
class _Claim:
    """The right to call SES once for one member's Monday mail."""

    name: str
    monday: date


class MondayPost:
    """Writes and sends Monday mails. Several may do so at once."""

    def __init__(self, *, settings: Settings, database: Database, ses: Ses, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._ses = ses
        self._clock = clock
        self._rules = Rules.of(settings)

    def send(self, only: str | None = None) -> MondayResult:
        """Send this week's to whoever is to get it, or to one account that has an address."""
        with self._database.read() as session:
            members = readers(session, only)
            week = self._told(session) if members else None
        counts = Counter(self._send(each, week) for each in members if week is not None)
        return MondayResult(**{outcome.value: number for outcome, number in counts.items()})

    def written(self, member: StaffMember | None) -> tuple[Letter, str, str]:
        """Write this week's as a member would get it: what it says, its HTML, its text."""
        with self._database.read() as session:
            return self._written(member, self._told(session))

    def _told(self, session: Session) -> WeekTold:
        return told(session, self._settings.shop, self._rules, now=self._clock.now())

    def _written(self, member: StaffMember | None, week: WeekTold) -> tuple[Letter, str, str]:
        shop = self._settings.shop
        fallback = shop.default_locale if shop.default_locale in LANGUAGES else "en"
        reader = Reader(
            name=member.name if member else "NAME",
            language=(member.language if member else None) or fallback,
            shop=shop.name,
            currency=shop.currency,
            public_url=self._settings.api.public_url.rstrip("/"),
        )
        at = week.counted_at and week.counted_at.astimezone(self._rules.zone)
        said = letter(week, reader, counted_at=at)
        return said, writing.html(said, shop), writing.text(said)

    def _send(self, member: StaffMember, week: WeekTold) -> Outcome:
        mail, sending = self._mail(member, week), self._settings.sending
        if not (sending.production or is_allowed(mail.recipient, sending)):
            said = "sending.production is off, and sending.allow_list does not name the address"
            logger.warning("a Monday mail is not sent: %s", said, extra=_extra("not_allowed"))
            return Outcome.SKIPPED
        raw = assemble(mail)  # what cannot be written takes no claim
        deadline = time.monotonic() + DEADLINE.total_seconds()
        with self._database.write() as session:
            claimed = claim(session, member.name, week.monday, now=self._clock.now())
        if claimed is None:
            return Outcome.SENT_BEFORE
        return self._call(claimed, mail, raw, deadline)

    def _mail(self, member: StaffMember, week: WeekTold) -> Mail:
        said, html, text = self._written(member, week)
        sender = self._settings.shop.sender
        return Mail(
            sender_name=self._settings.shop.name,
            sender_address=sender.address,
            recipient=member.email or "",
            subject=said.subject,
            text=text,
            html=html,
            reply_to=sender.reply_to,
            headers={"Auto-Submitted": "auto-generated"},
        )

    def _call(self, claimed: _Claim, mail: Mail, raw: bytes, deadline: float) -> Outcome:
        """Call SES once, and record what it answered."""
        try:
            ses_message_id = self._ses.send(
                raw=raw,
                sender=mail.sender_address,
                recipient=mail.recipient,
                tags={"kind": "monday-mail"},
                deadline=deadline,
            )
        except OutcomeUnknown as error:
            _warn(error)
            return Outcome.IN_DOUBT
        except SesRejected as error:
            _warn(error)
            return self._ends(claimed, Outcome.SKIPPED, note=str(error))
        except NotSent as error:
            _warn(error)
            return self._ends(claimed, Outcome.HELD, note=str(error))
        return self._ends(claimed, Outcome.SENT, ses_message_id=ses_message_id)

    def _ends(self, claimed: _Claim, outcome: Outcome, **values: str) -> Outcome:
        row = MondayMail.name == claimed.name, MondayMail.monday == claimed.monday
        with self._database.write() as session:
            session.execute(update(MondayMail).where(*row).values(state=_STATES[outcome], **values))
        return outcome


_STATES: Final = {
    Outcome.SENT: MessageState.ACCEPTED,
    Outcome.SKIPPED: MessageState.SKIPPED,
    Outcome.HELD: MessageState.PENDING,
}


def readers(session: Session, only: str | None = None) -> Sequence[StaffMember]:
    """List who gets the Monday mail, or one account, if it has an address and may log in."""
    query = select(StaffMember).where(
        StaffMember.email.is_not(None), StaffMember.disabled_at.is_(None)
    )
    chosen = StaffMember.gets_monday if only is None else StaffMember.name == only.lower()
    return session.scalars(query.where(chosen).order_by(StaffMember.name)).all()


def claim(session: Session, name: str, monday: date, *, now: datetime) -> _Claim | None:
    """Take the right to call SES once; None: another has, or had. `now` is wall time."""
    insert: Any = (
        sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    )
    first = {"name": name, "monday": monday, "attempts": 1}
    calling = {"state": MessageState.DISPATCHING, "called_at": now}
    statement = insert(MondayMail).values(**first, **calling)
    taken = session.execute(
        statement.on_conflict_do_update(
            index_elements=["name", "monday"],
            set_={**calling, "attempts": MondayMail.attempts + 1, "note": None},
            where=MondayMail.state == MessageState.PENDING,
        ).returning(MondayMail.name)
    ).scalar_one_or_none()
    return None if taken is None else _Claim(name=name, monday=monday)


def _warn(error: Exception) -> None:
    logger.warning("a Monday mail may not be sent: %s", error, extra=_extra(in_a_word(error)))


def _extra(reason: str) -> dict[str, str]:
    return {"action": "monday_mail_not_sent", "reason": reason}
