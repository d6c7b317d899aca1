"""When scans look at a contact of a story: only where an answer may have changed.

What each audience said stands until some instant, unless one of its facts changes
(`sekvens.segments.lasting`). A scan at which every answer stands would change nothing, and there
is none.
"""

from bisect import bisect_left, bisect_right
from datetime import datetime
from typing import TYPE_CHECKING

from sekvens.segments.lasting import Lasting
from sekvens.simulator.passage import Passage

if TYPE_CHECKING:
    from sekvens.simulator.life import Life


class Scans:
    """What scans have found of one contact, and when the next one looks."""

    def __init__(self, life: "Life") -> None:
        self._life = life
        self._refused: dict[str, Lasting] = {}  #: by flow; whoever is not in it is looked at
        self._unless: frozenset[str] = frozenset()  #: what any of them stands by
        self._is_new = True  #: there are other answers than when it was last told what to expect
        self._passed: datetime | None = None  #: scans up to this instant are over
        self._next: datetime | None = None  #: the scan that is expected

    def pass_by(self, now: datetime) -> None:
        """Let the scan of this instant be over, whether it was expected or not."""
        self._passed = now

    def notice(self) -> datetime | None:
        """Look at what has changed; tell which scan is to be expected now, if it is another."""
        if not self._forget():
            return None
        due, scans = self._due(), self._life.stage.scans
        place = bisect_left(scans, due) if due is not None else len(scans)
        if self._passed is not None:
            place = max(place, bisect_right(scans, self._passed))
        at = scans[place] if place < len(scans) else None
        is_new = at is not None and at != self._next
        self._next = at
        return at if is_new else None

    def scan(self) -> None:
        """Look for the audiences that the contact is in, once at any instant."""
        life = self._life
        if self._passed == life.now:
            return
        self._passed = life.now
        for graph in life.stage.audiences:
            self._forget()
            name = graph.flow.name
            known = self._refused.get(name)
            if known is not None and (known.until is None or life.now <= known.until):
                continue
            found = life.entries.found(graph)
            if isinstance(found, Passage):
                self._refused.pop(name, None)
                life.walk(found)
            else:
                self._refused[name] = found
                self._unless |= found.unless
        self._is_new = True

    def _forget(self) -> bool:
        """Forget the answers of which something has changed; tell whether there is news."""
        changed, self._is_new, is_new = self._life.facts.changed, False, self._is_new
        if not changed:
            return is_new
        if not changed.isdisjoint(self._unless):
            refused = self._refused
            for name in [n for n, known in refused.items() if not changed.isdisjoint(known.unless)]:
                del refused[name]
            self._unless = frozenset().union(*(known.unless for known in refused.values()))
            is_new = True
        changed.clear()
        return is_new

    def _due(self) -> datetime | None:
        """Tell from when on an audience is to be looked at; None: from none that we know."""
        if len(self._refused) < len(self._life.stage.audiences):
            return self._life.now
        ends = [known.until for known in self._refused.values() if known.until is not None]
        return min(ends) + datetime.resolution if ends else None
