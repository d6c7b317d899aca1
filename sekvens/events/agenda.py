"""Whose events are served out of turn while the outbox is long: purchases, and the many.

A purchase ends e-mails, so it overtakes other contacts' news; and nobody waits behind the flood of
one contact. The agenda is a hint in one relay's memory, never the truth: it may name anybody, in
any order, for whomever it names the outbox is asked again, and a person's events are taken from
their first on.
"""

from collections.abc import Collection, Iterable
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.events.schema import CONTACT_SUPPRESSED, ORDER_COMPLETED, UNSUBSCRIBED
from sekvens.events.tables import ContactEvent, OutboxEntry

#: What ends the most, and after which an e-mail embarrasses the most.
PRESSING = frozenset({ORDER_COMPLETED, UNSUBSCRIBED, CONTACT_SUPPRESSED})
#: Contacts served out of turn at once.
CONTACTS_MAX = 50
#: Who has more waiting than this is the flood, and waits with it.
FEW = 20
#: A shorter outbox is served in turn: the next batch takes all of it.
SHORT = 200
#: Entries looked at in one pass; each is looked at once.
LOOK_MAX = 5000


class Agenda:
    """What one relay has seen of the outbox, by contact."""

    def __init__(self) -> None:
        self._seen = 0  #: the last event looked at
        self._waiting: dict[str, int] = {}  #: contact -> entries, in the order of their first
        self._pressing: dict[str, None] = {}  #: an ordered set
        self._total = 0
        self._is_their_turn = False

    def read(self, session: Session) -> None:
        """Look at what is new in the outbox.

        What was committed late, behind what has been looked at, is not found here but in turn.
        """
        query = (
            select(OutboxEntry.event_id, OutboxEntry.contact_id, ContactEvent.name)
            .join(ContactEvent, ContactEvent.id == OutboxEntry.event_id)
            .where(OutboxEntry.event_id > self._seen)
        )
        for row in session.execute(query.order_by(OutboxEntry.event_id).limit(LOOK_MAX)):
            self._seen = row.event_id
            self._waiting[row.contact_id] = self._waiting.get(row.contact_id, 0) + 1
            self._total += 1
            if row.name in PRESSING:
                self._pressing[row.contact_id] = None

    def out_of_turn(self) -> list[str]:
        """Name the contacts to be served now; nobody: the head of the outbox is served.

        Every other pass is the head's, so that neither lane ever stands still.
        """
        self._is_their_turn = not self._is_their_turn
        if not self._is_their_turn or self._total <= CONTACTS_MAX:
            return []
        chosen = list(islice(self._with_few(list(self._pressing)), CONTACTS_MAX))
        if not chosen and self._total > SHORT:
            chosen = list(islice(self._with_few(self._waiting), CONTACTS_MAX))
        return chosen

    def strike_off(
        self, taken: Iterable[str], *, served: Collection[str] = (), left: Collection[str] = ()
    ) -> None:
        """Forget entries that were taken, each named by its contact; keep who has some `left`.

        Who was `served` out of turn and has nothing left has nothing waiting, whatever was seen.
        """
        for contact_id in taken:
            self._forget(contact_id, 1)
        for contact_id in set(served) - set(left):
            self._forget(contact_id, self._waiting.get(contact_id, 0))

    def _forget(self, contact_id: str, count: int) -> None:
        waiting = self._waiting.get(contact_id, 0)
        self._total -= min(count, waiting)
        if waiting > count:
            self._waiting[contact_id] = waiting - count
        else:
            self._waiting.pop(contact_id, None)
            self._pressing.pop(contact_id, None)

    def _with_few(self, contact_ids: Iterable[str]) -> Iterable[str]:
        return (each for each in contact_ids if self._waiting.get(each, 0) <= FEW)
