"""What came of a contact's story on the real services: read from the database, and compared."""

import difflib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.demo.place import Place
from sekvens.enrollments import queries
from sekvens.enrollments.tables import Enrollment
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason, Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.simulator.moments import Lived, Moment, Stay, What
from sekvens.simulator.timeline import trace


def read_back(place: Place, lived: Lived) -> Lived:
    """Read what the services made of what a contact did; `lived` is the same in memory."""
    shop_time = place.settings.shop_time()
    moments = [moment for moment in lived.moments if moment.what is What.DOES]
    stays = []
    with place.database.read() as session:
        for number, row in enumerate(_enrollments(session, lived.person.name)):
            reason = ExitReason(row.exit_reason) if row.exit_reason else None
            stays.append(
                Stay(
                    flow=row.flow,
                    entry_key=row.entry_key,
                    started_at=row.started_at,
                    trigger=None,
                    ended_at=row.ended_at,
                    exit=reason,
                )
            )
            moments += _moments(session, row, number, lived.person.zone, shop_time)
    return Lived(
        person=lived.person,
        starts=lived.starts,
        moments=sorted(moments, key=lambda moment: moment.at),
        events=lived.events,
        stays=stays,
        did=lived.did,
        never=lived.never,
    )


def differences(in_memory: Lived, on_services: Lived) -> list[str]:
    """List where two ways to live a story differ, line by line; nothing: they agree."""
    told = difflib.ndiff(trace(in_memory), trace(on_services))
    words = {"-": "only in memory", "+": "only on the services"}
    return [f"{words[line[0]]}: {line[2:]}" for line in told if line[0] in words]


def lateness(in_memory: Lived, on_services: Lived) -> timedelta | None:
    """Tell how much later than in memory the latest e-mail left; None: one did not leave at all."""
    there: dict[tuple[str, str], list[datetime]] = {}
    for email in on_services.sent():
        there.setdefault((email.flow, email.step), []).append(email.at)
    late, seen = timedelta(0), Counter[tuple[str, str]]()
    for email in in_memory.sent():
        key = (email.flow, email.step)
        times = there.get(key, [])
        if seen[key] >= len(times):
            return None
        late = max(late, times[seen[key]] - email.at)
        seen[key] += 1
    return late


def _enrollments(session: Session, name: str) -> list[Enrollment]:
    contact = queries.find_contact(session, name)
    if contact is None:
        return []
    query = select(Enrollment).where(Enrollment.contact_id == contact.id)
    return list(session.scalars(query.order_by(Enrollment.started_at, Enrollment.flow)))


def _moments(
    session: Session, row: Enrollment, number: int, zone: str, shop_time: ShopTime
) -> Iterator[Moment]:
    """Go through an enrollment's moments, each no sooner than the one before."""
    at = row.started_at
    yield Moment(at, What.ENTERS, row.flow, enrollment=number, zone=zone)
    query = select(Message).where(Message.enrollment_id == row.id).order_by(Message.claimed_at)
    for message in session.scalars(query):
        is_left_over = message.skip_reason == SkipReason.EXITED and row.ended_at is not None
        skipped_at = row.ended_at if is_left_over else shop_time.at(message.claimed_at)
        at = max(at, message.sent_on or skipped_at or at)
        flow, step = row.flow, message.step_id
        if message.state == MessageState.ACCEPTED:
            marketing = message.purpose == Purpose.MARKETING
            yield Moment(at, What.SENT, flow, step, message.template, number, zone, marketing)
        elif message.state == MessageState.SKIPPED:
            yield Moment(at, What.SKIPPED, flow, step, message.skip_reason or "", number, zone)
    if row.exit_reason is not None:
        ended = max(at, row.ended_at or at)
        yield Moment(ended, What.LEFT, row.flow, text=row.exit_reason, enrollment=number, zone=zone)
