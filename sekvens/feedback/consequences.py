"""What follows from a report: an address is suppressed, a contact's flows end, an operator is told.

All of it happens in the transaction that keeps the report, once for each message and what became of
it, however often and by whichever door SES tells. Nothing is held against a contact that is a fault
of ours, and nothing against anybody whom the message did not go to.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.suppression import key_of_address, suppress_hash, who_has
from sekvens.contacts.tables import Contact, SuppressionReason
from sekvens.events.ingest import record_fact
from sekvens.events.schema import CONTACT_SUPPRESSED, UNSUBSCRIBED
from sekvens.feedback.fates import soft_bounces_in_a_row
from sekvens.feedback.kinds import INVALID, ReportKind
from sekvens.feedback.reading import Report
from sekvens.feedback.tables import Feedback
from sekvens.flows.shop_time import ShopTime

logger = logging.getLogger(__name__)

#: The `source` of facts that come from SES's reports.
SOURCE: Final = "ses"
#: A fault of ours may come back from a thousand receivers: it is said once in so long (wall time).
ALARM_INTERVAL: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A report on a message of our ledger."""

    report: Report
    message_id: str
    #: as it stands in the ledger; the contact may have been merged into another since
    contact_id: str


class Consequences:
    """Draws them, in the caller's transaction."""

    def __init__(self, *, shop_time: ShopTime, soft_bounces_max: int) -> None:
        self._shop_time = shop_time
        self._soft_bounces_max = soft_bounces_max

    def draw(self, session: Session, heard: Heard, *, now: datetime) -> frozenset[str]:
        """Do what a report on a message of our ledger asks for; `now` is wall time.

        Returns:
            The contacts whose facts have changed: pass their barrier after the commit.
        """
        match heard.report.kind:
            case ReportKind.BOUNCED:
                invalid = heard.report.detail == INVALID
                reason = SuppressionReason.INVALID if invalid else SuppressionReason.BOUNCE
                return self._suppress(session, heard, reason, now=now)
            case ReportKind.COMPLAINED:
                return self._suppress(session, heard, SuppressionReason.COMPLAINT, now=now)
            case ReportKind.SOFT_BOUNCED:
                return self._count(session, heard, now=now)
            case ReportKind.UNSUBSCRIBED:
                return self._unsubscribe(session, heard, now=now)
            case ReportKind.FAILED | ReportKind.REJECTED:
                _alarm(session, heard.report, now=now)
        return frozenset()

    def _count(self, session: Session, heard: Heard, *, now: datetime) -> frozenset[str]:
        """Suppress an address that has bounced softly too often with nothing delivered between."""
        address_hash = heard.report.address_hash
        if address_hash is None:
            return frozenset()
        if soft_bounces_in_a_row(session, address_hash) < self._soft_bounces_max:
            return frozenset()
        return self._suppress(session, heard, SuppressionReason.BOUNCE, now=now)

    def _suppress(
        self, session: Session, heard: Heard, reason: SuppressionReason, *, now: datetime
    ) -> frozenset[str]:
        report = heard.report
        if report.address_hash is None:
            _warn_of_stranger(report)
            return frozenset()
        fact_id, at = _fact_id(report), self._shop_time.at(report.at)
        contact = session.get_one(Contact, canonical_id(session, heard.contact_id))
        email = contact.email
        if email is None or key_of_address(email) != report.address_hash:
            # It is the address that bounced; the contact has another by now, or was erased.
            suppress_hash(session, report.address_hash, reason=reason, at=at, source=fact_id)
            return frozenset()
        others = who_has(session, [email])[email] - {contact.id}
        for contact_id in (contact.id, *sorted(others)):
            suffix = "" if contact_id == contact.id else f"/{contact_id}"
            record_fact(
                session,
                contact_id=contact_id,
                name=CONTACT_SUPPRESSED,
                message_id=fact_id + suffix,
                properties=_properties(report, reason=reason),
                occurred_at=at,
                now=now,
            )
        return frozenset({contact.id, heard.contact_id, *others})

    def _unsubscribe(self, session: Session, heard: Heard, *, now: datetime) -> frozenset[str]:
        contact_id = canonical_id(session, heard.contact_id)
        record_fact(
            session,
            contact_id=contact_id,
            name=UNSUBSCRIBED,
            message_id=_fact_id(heard.report),
            properties=_properties(heard.report),
            occurred_at=self._shop_time.at(heard.report.at),
            now=now,
        )
        return frozenset({contact_id, heard.contact_id})


def _fact_id(report: Report) -> str:
    """Name a fact by what it is about: both doors may bring it, each under an id of its own."""
    return f"ses-{report.kind}-{report.message_id}"


def _properties(report: Report, **more: str) -> dict[str, Any]:
    return {"source": SOURCE, "email_id": report.message_id, "detail": report.detail, **more}


def _warn_of_stranger(report: Report) -> None:
    logger.warning(
        "a report on message %s (%s) names nobody, or somebody whom it did not go to: kept, and "
        "held against nobody",
        report.message_id,
        report.kind,
        extra={"action": "feedback_unmatched", "feedback_id": report.id},
    )


def _alarm(session: Session, report: Report, *, now: datetime) -> None:
    """Tell an operator of a fault of ours, unless the same was told just now."""
    earlier = session.scalar(
        select(Feedback.id)
        .where(
            Feedback.kind == report.kind,
            Feedback.detail == report.detail,
            Feedback.id != report.id,
            Feedback.read_at > now - ALARM_INTERVAL,
        )
        .limit(1)
    )
    if earlier is None:
        logger.error(
            "message %s did not arrive, and the fault is ours: %s (%s); see `starter.py status`",
            report.message_id,
            report.kind,
            report.detail,
            extra={
                "action": "feedback_alarm",
                "message_id": report.message_id,
                "reason": report.detail,
            },
        )
