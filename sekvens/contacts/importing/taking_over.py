"""A batch of a file's rows becomes facts: contacts, words of consent, suppressed addresses.

The shop's own words count for more than a file's: traits fill in what nobody has told yet, whoever
unsubscribed stays so, a suppressed address stays suppressed, and of two words the newer counts.
What says that somebody agreed, without evidence, is not consent.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from sekvens.contacts.consent import MARKETING, record_consent
from sekvens.contacts.importing.people import People, Person, load_people, name_of_address
from sekvens.contacts.importing.rows import ContactRow, SuppressionRow, Word
from sekvens.contacts.suppression import key_of_address, suppress, who_has
from sekvens.contacts.tables import Consent, ConsentStatus, Identity
from sekvens.events.facts import chunks, look_up
from sekvens.events.ingest import ingest, record_fact
from sekvens.events.parse import OLDEST, IncomingEvent
from sekvens.events.schema import CONTACT_SUPPRESSED, EMAIL_SUBSCRIBED, UNSUBSCRIBED
from sekvens.events.tables import ContactEvent
from sekvens.events.withholding import withhold
from sekvens.flows.shop_time import ShopTime

#: What a file says of somebody without saying when is older than any word that has a time.
NO_TIME: Final = OLDEST
_KNOWN: Final = select(ContactEvent.message_id).where(
    ContactEvent.message_id.in_(bindparam("ids", expanding=True))
)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On which terms a file is imported."""

    tool: str  #: what the words of consent came from: `import`, `klaviyo`, `mailchimp`
    now: datetime  #: wall time
    shop_time: ShopTime = field(default_factory=ShopTime)
    enrolls: bool = False  #: whether a subscription may start a flow
    #: of a subscription that says nothing of it itself: `source` and `wording`
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a batch came to."""

    counts: Counter[str]
    contact_ids: frozenset[str]  #: whose locks to pass through after the commit


def take_over(session: Session, rows: Sequence[ContactRow], terms: Terms) -> Taken:
    """Take over contacts, in the file's order."""
    rows = [_with_evidence(row, terms) for row in rows]
    people = load_people(session, rows)
    counts: Counter[str] = Counter()
    planned = [_Plan.of(row, people, terms, counts) for row in rows]
    events = {event.message_id: event for plan in planned for event in plan.events}
    known = {message_id for (message_id,) in look_up(session, _KNOWN, events.keys())}
    fresh = [event for event in events.values() if event.message_id not in known]
    for plan in planned:
        is_known = all(event.message_id in known for event in plan.events)
        counts["unchanged" if is_known else "added" if plan.is_new else "changed"] += 1
    done = ingest(session, fresh, now=terms.now, shop_time=terms.shop_time)
    if not terms.enrolls:
        withhold(session, {event.message_id for event in fresh if event.name == EMAIL_SUBSCRIBED})
    _record_unproven(session, planned, terms)
    return Taken(counts=counts, contact_ids=frozenset(done.contact_ids))


def take_suppressions(session: Session, rows: Sequence[SuppressionRow], terms: Terms) -> Taken:
    """Suppress addresses, whoever has them; the flows of those who do end."""
    counts: Counter[str] = Counter()
    whose = who_has(session, {row.email for row in rows})
    for row in rows:
        at = _in_shop_time(row.at or terms.now, terms)
        is_new = False
        for contact_id in sorted(whose[row.email]):
            is_new |= record_fact(
                session,
                contact_id=contact_id,
                name=CONTACT_SUPPRESSED,
                message_id=_id("suppression", contact_id, key_of_address(row.email), row.reason),
                properties={"reason": row.reason, "email": row.email, "source": terms.tool},
                occurred_at=at,
                now=terms.now,
            )
        is_new |= suppress(session, row.email, reason=row.reason, at=at, source=terms.tool)
        counts["suppressed" if is_new else "unchanged"] += 1
    ids = frozenset(one for row in rows for one in whose[row.email])
    return Taken(counts=counts, contact_ids=ids)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What one row comes to."""

    row: ContactRow
    person: Person
    is_new: bool
    events: list[IncomingEvent]
    unproven: ConsentStatus | None  #: what to write down where there is no word at all

    @classmethod
    def of(cls, row: ContactRow, people: People, terms: Terms, counts: Counter[str]) -> "_Plan":
        person, *others = people.whose(row)
        known = _present(people, person, row)
        events = [_identify(row, person, terms)]
        unproven = None
        match row.word.status:
            case ConsentStatus.UNSUBSCRIBED:
                counts["unsubscribed"] += 1
                events += [_word(row, one, terms) for one in (person, *others)]
                for one in (person, *others):
                    people.consents[one.key] = ConsentStatus.UNSUBSCRIBED
                people.consents[row.email] = ConsentStatus.UNSUBSCRIBED
            case ConsentStatus.SUBSCRIBED if row.word.is_proven:
                if key_of_address(row.email) in people.suppressed:
                    counts["kept_suppressed"] += 1
                elif known == ConsentStatus.UNSUBSCRIBED:
                    counts["kept_unsubscribed"] += 1
                else:
                    counts["subscribed"] += 1
                    events.append(_word(row, person, terms))
            case status:
                claimed = status == ConsentStatus.SUBSCRIBED
                counts["without_evidence"] += claimed
                unproven = ConsentStatus.NEVER_SUBSCRIBED if claimed else status
        is_new = person.contact_id is None
        return cls(row=row, person=person, is_new=is_new, events=events, unproven=unproven)


def _with_evidence(row: ContactRow, terms: Terms) -> ContactRow:
    if row.word.status != ConsentStatus.SUBSCRIBED:
        return row
    word = replace(row.word, evidence={**terms.evidence, **row.word.evidence})
    return replace(row, word=word)


def _present(people: People, person: Person, row: ContactRow) -> ConsentStatus | None:
    return people.consents.get(person.key) or people.consents.get(row.email)


def _identify(row: ContactRow, person: Person, terms: Terms) -> IncomingEvent:
    at = row.traits_at or NO_TIME
    traits: dict[str, Any] = {**row.traits, "email": row.email}
    return IncomingEvent(
        type="identify",
        name="identify",
        message_id=_id("traits", *_names(person, row), traits, at.isoformat()),
        occurred_at=at,
        received_at=terms.now,
        user_id=person.user_id,
        anonymous_id=person.anonymous_id,
        # Folding reads a stored event's traits from its properties, when visitors become known.
        properties=traits,
        traits=traits,
    )


def _word(row: ContactRow, person: Person, terms: Terms) -> IncomingEvent:
    said = _said(row.word, terms)
    subscribed = row.word.status == ConsentStatus.SUBSCRIBED
    name = EMAIL_SUBSCRIBED if subscribed else UNSUBSCRIBED
    at = row.word.at.isoformat() if row.word.at else ""
    return IncomingEvent(
        type="track",
        name=name,
        message_id=_id(name, *_names(person, row), said, at),
        occurred_at=row.word.at or terms.now,
        received_at=terms.now,
        user_id=person.user_id,
        anonymous_id=person.anonymous_id,
        properties=said,
    )


def _said(word: Word, terms: Terms) -> dict[str, Any]:
    """Put evidence into the properties; the source begins with the tool that it came from."""
    given = word.evidence.get("source", "")
    has_tool = given == terms.tool or given.startswith(f"{terms.tool}:")
    source = given if has_tool else f"{terms.tool}: {given}" if given else terms.tool
    return {**word.evidence, "source": source, "imported": True}


def _record_unproven(session: Session, planned: Iterable[_Plan], terms: Terms) -> None:
    """Write down what is no consent, of whom nobody has said anything yet."""
    waiting = {
        name: plan
        for plan in planned
        if plan.unproven is not None
        for name in [plan.person.user_id or plan.person.anonymous_id]
        if name is not None
    }
    if not waiting:
        return
    session.flush()
    contacts: dict[str, str] = {}
    for some in chunks(waiting):
        for row in session.scalars(select(Identity).where(Identity.value.in_(some))):
            person = waiting[row.value].person
            if row.value in (person.user_id, person.anonymous_id):
                contacts.setdefault(row.contact_id, row.value)
    said: set[str] = set()
    for some in chunks(contacts):
        query = select(Consent.contact_id).where(
            Consent.contact_id.in_(some), Consent.purpose == MARKETING
        )
        said.update(session.scalars(query))
    for contact_id in sorted(contacts.keys() - said):
        plan = waiting[contacts[contact_id]]
        assert plan.unproven is not None  # noqa: S101  it would not wait
        record_consent(
            session,
            None,
            contact_id=contact_id,
            status=plan.unproven,
            at=NO_TIME,
            source=f"{_said(plan.row.word, terms)['source']}, without evidence"[:200],
            event_id=plan.events[0].message_id,
        )


def _names(person: Person, row: ContactRow) -> tuple[str, str]:
    return (person.user_id or "", person.anonymous_id or name_of_address(row.email))


def _in_shop_time(wall: datetime, terms: Terms) -> datetime:
    origin = terms.shop_time.origin
    return wall if origin is None or wall < origin else terms.shop_time.at(wall)


def _id(*parts: Any) -> str:
    """Name a row's event by what it says: the same row again is the same event."""
    said = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return f"import:{hashlib.sha256(said.encode()).hexdigest()[:40]}"
