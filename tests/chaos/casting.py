"""The matrix's people: known to the shop, enrolled in nothing, and each with a lock of their own.

The invariant: no two who may stand at their points at the same time share a lock. On SQLite a lock
file serves many contacts, so whoever stood there would keep a stranger from ever getting there.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

from sekvens.db.locks import stripe_of
from tests.chaos.judging import contacts_of
from tests.chaos.matrix_cells import CELLS, CONTACTS, Cell
from tests.e2e.stack import Stack, identify


class Casting:
    """Makes contacts for cells, and remembers whom each cell has met."""

    def __init__(self, stack: Stack, *, seed: int) -> None:
        #: whom each cell has met, by the shop's ids
        self.met: dict[Cell, list[str]] = defaultdict(list)
        self.contact_ids: dict[str, str] = {}  #: ours, by the shop's
        self._stack = stack
        self._random = random.Random(seed)  # noqa: S311  orders of events are no secret
        self._names: dict[Cell, Iterator[str]] = {}
        self._stripes: set[int] = set()

    def begin(self) -> None:
        """Begin a round: whoever stood in the last one stands no more."""
        self._stripes.clear()

    def cast(self, cells: Sequence[Cell]) -> dict[Cell, list[str]]:
        """Make contacts for cells, in random order."""
        shuffled = self._random.sample(cells, len(cells))
        cast = {cell: [self._somebody(cell) for _ in range(CONTACTS)] for cell in shuffled}
        for cell, user_ids in cast.items():
            self.met[cell] += user_ids
        return cast

    def _somebody(self, cell: Cell) -> str:
        named = (f"{CELLS.index(cell)}-{cell.purpose}-{number}" for number in itertools.count())
        for user_id in self._names.setdefault(cell, named):
            self._stack.post(identify(user_id))
            [contact_id] = contacts_of(self._stack, [user_id])
            stripe = stripe_of(contact_id)
            if stripe not in self._stripes:
                self._stripes.add(stripe)
                self.contact_ids[user_id] = contact_id
                return user_id
        raise AssertionError("names never end")
