"""Events become facts: deduplicated, given to their contact, stored, folded, and owed to the relay.

All of it happens in the caller's transaction, so that a committed event is never without its fold
or its place in the outbox. What was committed before is a duplicate, whatever it says now.

The relay is owed what contacts did: track events and those derived from them, and the pages that a
flow cares about (`sekvens.events.pages`). Who somebody is starts and ends nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from sekvens.consent_section import ConsentSettings
from sekvens.contacts.tables import Contact
from sekvens.events.derived import following
from sekvens.events.facts import Fact, chunks, from_row, look_up
from sekvens.events.fold import fold
from sekvens.events.identity import Resolved, load_contacts, resolve
from sekvens.events.pages import wanted_pages
from sekvens.events.parse import Incoming, IncomingEvent, Refused
from sekvens.events.permissions import note_sales, with_that_address
from sekvens.events.schema import ORDER_EVENTS, PAGE
from sekvens.events.tables import ContactEvent, OutboxEntry, RejectedEvent
from sekvens.flows.shop_time import ShopTime
from sekvens.offers.redemption import redeem
from sekvens.segments import summaries
from sekvens.segments.watching import told_of, turns
from sekvens.shop import Shop

_BY_MESSAGE_ID: Final = select(ContactEvent.message_id, ContactEvent.contact_id).where(
    ContactEvent.message_id.in_(bindparam("ids", expanding=True))
)
_INSERT_EVENTS: Final = insert(ContactEvent).returning(ContactEvent.message_id, ContactEvent.id)
_INSERT_OUTBOX: Final = insert(OutboxEntry)


class Ingested(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one batch."""

    #: whom the events concern, also if they had been stored before: whose facts they are, those
    #: merged away, and whoever has an address that they suppress
    contact_ids: tuple[str, ...] = ()
    accepted: int = 0
    rejected: int = 0
    duplicates: int = 0
    #: whose locks a sender may hold, as the writer saw it after the commit
    sending: tuple[str, ...] = ()


def ingest(
    session: Session,
    batch: Sequence[Incoming],
    *,
    now: datetime,
    shop_time: ShopTime,
    shop: Shop | None = None,
    consent: ConsentSettings | None = None,
) -> Ingested:
    """Store and fold a batch; the settings say what an order brings with it, `now` is wall time.

    Raises:
        sqlalchemy.exc.IntegrityError: another process stored one of these events, or the same new
            contact, at this moment; roll back and do it again.
    """
    return ingest_all(session, [batch], now=now, shop_time=shop_time, shop=shop, consent=consent)[0]


def ingest_all(
    session: Session,
    batches: Sequence[Sequence[Incoming]],
    *,
    now: datetime,
    shop_time: ShopTime,
    shop: Shop | None = None,
    consent: ConsentSettings | None = None,
) -> list[Ingested]:
    """Store and fold several requests' batches, with one look-up of each kind for all of them."""
    _reject(session, [item for batch in batches for item in batch if isinstance(item, Refused)])
    posted = [item for batch in batches for item in batch if isinstance(item, IncomingEvent)]
    known = _known(session, {event.message_id for event in posted})
    fresh: dict[str, IncomingEvent] = {}
    for event in posted:
        if event.message_id not in known:
            fresh.setdefault(event.message_id, event)
    resolved = resolve(session, list(fresh.values()), now=now)
    facts = _store(session, list(fresh.values()), resolved, shop_time)
    facts += _adopt(session, resolved.linked)
    merged = set(resolved.merged.values())
    _settle(session, facts, contacts=resolved.contacts, merged=merged, now=now, shop=shop)
    note_sales(session, facts, consent)
    summaries.keep(session, facts, merged=merged)
    _turn(session, facts, now=now, shop_time=shop_time, shop=shop)
    contact_ids = known | resolved.by_message
    concerned = with_that_address(session, posted, contact_ids)
    for message_id, contact_id in contact_ids.items():
        if contact_id is not None:
            concerned.setdefault(message_id, set()).add(contact_id)
    counted: set[str] = set()
    return [_ingested(batch, fresh, concerned, resolved.merged, counted) for batch in batches]


def record_fact(
    session: Session,
    *,
    contact_id: str,
    name: str,
    message_id: str,
    order_id: str | None = None,
    properties: Mapping[str, Any] | None = None,
    occurred_at: datetime,
    now: datetime,
) -> bool:
    """Store and fold one fact that did not come by HTTP: a direct signal, an unsubscribe link.

    Args:
        session: A writing session; the fact is committed with it.
        contact_id: Whose it is; a contact merged away leads to the one that stands.
        name: The event's name in our spelling.
        message_id: What makes it happen once.
        order_id: Put into the properties.
        properties: The rest of them.
        occurred_at: Shop time.
        now: Wall time.

    Returns:
        False if it had been recorded already, or there is no such contact, or no longer.
    """
    contacts = load_contacts(session, [contact_id])
    if contact_id not in contacts or _known(session, [message_id]):
        return False
    contact = contacts[contact_id]
    while contact.merged_into:
        contact = contacts[contact.merged_into]
    if contact.erased_at is not None:
        return False
    fact = Fact(
        event_id=0,
        message_id=message_id,
        type="track",
        name=name,
        contact_id=contact.id,
        properties=dict(properties or {}) | ({"order_id": order_id} if order_id else {}),
        traits={},
        occurred_at=occurred_at,
    )
    stored = _insert_facts(session, [fact], received_at=now)
    _settle(session, stored, contacts=contacts, merged=(), now=now)
    summaries.keep(session, stored)
    return True


def reject(session: Session, *, reason: str, event: Mapping[str, Any], now: datetime) -> None:
    """Keep an event that cannot be used, whoever found that out. `now` is wall time."""
    raw = msgspec.json.encode(event).decode()
    _reject(session, [Refused(reason=reason, raw=raw, received_at=now)])


def _known(session: Session, message_ids: Iterable[str]) -> dict[str, str | None]:
    rows = look_up(session, _BY_MESSAGE_ID, set(message_ids))
    return {row.message_id: row.contact_id for row in rows}


def _reject(session: Session, refused: Sequence[Refused]) -> None:
    if refused:
        session.connection().execute(
            insert(RejectedEvent), [msgspec.structs.asdict(item) for item in refused]
        )


def _store(
    session: Session,
    events: Sequence[IncomingEvent],
    resolved: Resolved,
    shop_time: ShopTime,
) -> list[Fact]:
    if not events:
        return []
    rows: list[dict[str, Any]] = [
        {
            "message_id": event.message_id,
            "type": event.type,
            "name": event.name,
            "contact_id": resolved.by_message[event.message_id],
            "anonymous_id": event.anonymous_id,
            "properties": event.properties,
            "occurred_at": _in_shop_time(event.occurred_at, shop_time),
            "received_at": event.received_at,
        }
        for event in events
    ]
    ids = _insert_events(session, rows)
    return [
        Fact(
            event_id=ids[event.message_id],
            message_id=event.message_id,
            type=event.type,
            name=event.name,
            contact_id=row["contact_id"],
            properties=event.properties,
            traits=event.traits,
            occurred_at=row["occurred_at"],
        )
        for event, row in zip(events, rows, strict=True)
        if row["contact_id"] is not None
    ]


def _in_shop_time(wall: datetime, shop_time: ShopTime) -> datetime:
    # Before a demo began, both clocks were one: a purchase of last year stays a year old.
    return wall if shop_time.origin is None or wall < shop_time.origin else shop_time.at(wall)


def _insert_events(session: Session, rows: list[dict[str, Any]]) -> dict[str, int]:
    stored = session.connection().execute(_INSERT_EVENTS, rows)
    return {row.message_id: row.id for row in stored}


def _insert_facts(session: Session, facts: Sequence[Fact], *, received_at: datetime) -> list[Fact]:
    rows = [
        {
            "message_id": fact.message_id,
            "type": fact.type,
            "name": fact.name,
            "contact_id": fact.contact_id,
            "anonymous_id": None,
            "properties": fact.properties,
            "occurred_at": fact.occurred_at,
            "received_at": received_at,
        }
        for fact in facts
    ]
    ids = _insert_events(session, rows)
    return [msgspec.structs.replace(fact, event_id=ids[fact.message_id]) for fact in facts]


def _adopt(session: Session, linked: Mapping[str, str]) -> list[Fact]:
    """Give visitors who have just become known what they did before; the ids stay the same."""
    adopted: list[Fact] = []
    for some in chunks(linked.keys()):
        rows = session.scalars(
            select(ContactEvent)
            .where(ContactEvent.anonymous_id.in_(some), ContactEvent.contact_id.is_(None))
            .order_by(ContactEvent.id)
        )
        for row in rows:
            assert row.anonymous_id is not None  # noqa: S101  the query asked for it
            row.contact_id = linked[row.anonymous_id]
            adopted.append(from_row(row, row.contact_id))
    session.flush()
    return adopted


def _settle(
    session: Session,
    facts: Sequence[Fact],
    *,
    contacts: Mapping[str, Contact],
    merged: Iterable[str],
    now: datetime,
    shop: Shop | None = None,
) -> None:
    """Fold facts, derive the events that follow from them, and owe both to the relay."""
    changes = fold(session, facts, contacts=contacts, merged=set(merged), now=now)
    follows = [*following(facts, changes), *redeem(session, facts, shop=shop)]
    derived = {fact.message_id: fact for fact in follows}
    known = _known(session, derived) if derived else {}
    new = [fact for message_id, fact in derived.items() if message_id not in known]
    if new:
        facts = [*facts, *_insert_facts(session, new, received_at=now)]
    wanted = wanted_pages(session, [fact for fact in facts if fact.type == PAGE])
    _owe(
        session,
        (fact for fact in facts if fact.type == "track" or fact.event_id in wanted),
        now=now,
    )


def _turn(
    session: Session,
    facts: Sequence[Fact],
    *,
    now: datetime,
    shop_time: ShopTime,
    shop: Shop | None,
) -> None:
    """Tell at once who has entered or left a segment by an order; a round tells the others."""
    buyers = {fact.contact_id for fact in facts if fact.name in ORDER_EVENTS}
    if not buyers:
        return
    owed = turns(session, buyers, told_of(session, shop), now=shop_time.at(now))
    if owed:
        _owe(session, _insert_facts(session, owed, received_at=now), now=now)


def _owe(session: Session, facts: Iterable[Fact], *, now: datetime) -> None:
    """Owe events to the relay."""
    owed = [
        {"event_id": fact.event_id, "contact_id": fact.contact_id, "committed_at": now}
        for fact in facts
    ]
    if owed:
        session.connection().execute(_INSERT_OUTBOX, owed)


def _ingested(
    batch: Sequence[Incoming],
    fresh: Mapping[str, IncomingEvent],
    concerned: Mapping[str, set[str]],
    merged: Mapping[str, str],
    counted: set[str],
) -> Ingested:
    accepted = rejected = duplicates = 0
    changed: set[str] = set()
    for item in batch:
        if isinstance(item, Refused):
            rejected += 1
            continue
        if fresh.get(item.message_id) is item and item.message_id not in counted:
            counted.add(item.message_id)
            accepted += 1
        else:
            duplicates += 1
        changed |= concerned.get(item.message_id, set())
    # A sender may still hold the lock of a contact who has just been merged away.
    changed |= {loser for loser, winner in merged.items() if winner in changed}
    return Ingested(
        contact_ids=tuple(sorted(changed)),
        accepted=accepted,
        rejected=rejected,
        duplicates=duplicates,
    )
