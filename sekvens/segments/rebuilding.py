"""All summaries worked out anew, in small transactions; a repeat changes nothing."""

from collections.abc import Callable
from typing import Final

from sekvens.db.session import Database
from sekvens.segments.audience import everybody
from sekvens.segments.summaries import refold

#: Contacts of one transaction: some 50 ms of a writer's time.
CONTACTS_AT_ONCE: Final = 200


def rebuild_all(
    database: Database, *, after: str | None = None, beat: Callable[[int, str], None]
) -> int:
    """Work off every contact behind an id; tell after each transaction how far it has come.

    Returns:
        How many contacts there were.
    """
    done = 0
    while True:
        with database.write() as session:
            some = session.scalars(everybody(after=after).limit(CONTACTS_AT_ONCE)).all()
            refold(session, some)
        if not some:
            return done
        done, after = done + len(some), some[-1]
        beat(done, after)
