"""What goes with what, learnt from what is bought together: EASE (Steck, 2019), in closed form.

Each product's weights say how much having it speaks for each other one. Only the strongest are
kept, so that whoever is asked needs neither numpy nor the whole matrix.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: Products that are learnt about, the most bought first: a matrix of so many is inverted.
PRODUCTS_MAX: Final = 2_000
#: Weights kept of each product.
KEPT: Final = 20
#: How much is held against what few have bought; research used 300 for some thousand customers.
RIDGE: Final = 300.0


@dataclass(frozen=True, kw_only=True)
class GoesWith:
    """For each product the others that go with it, each with its weight, the heaviest first."""

    weights: Mapping[str, Mapping[str, float]]

    def scores(self, have: Collection[str]) -> dict[str, float]:
        """Tell how much a set of products speaks for each other one."""
        found: defaultdict[str, float] = defaultdict(float)
        for each in have:
            for other, weight in self.weights.get(each, {}).items():
                if other not in have:
                    found[other] += weight
        return dict(found)

    def because_of(self, product_id: str, have: Collection[str]) -> str | None:
        """Tell which of a set of products speaks for one most."""
        speak = {each: self.weights.get(each, {}).get(product_id, 0.0) for each in sorted(have)}
        best = max(speak, key=speak.__getitem__, default=None)
        return best if best is not None and speak[best] > 0 else None

    def parameters(self) -> dict[str, Any]:
        """Tell it as JSON."""
        return {each: dict(others) for each, others in self.weights.items()}


def popularity(sets: Sequence[Collection[str]]) -> list[str]:
    """List products by how many have them, the most bought first."""
    counted = Counter(each for some in sets for each in set(some))
    return sorted(counted, key=lambda each: (-counted[each], each))


def learn(sets: Sequence[Collection[str]], *, ridge: float = RIDGE) -> GoesWith:
    """Learn from sets of products: each customer's, or each order's.

    Needs numpy and scipy, the extra `predict`.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    products = popularity(sets)[:PRODUCTS_MAX]
    place = {product_id: number for number, product_id in enumerate(products)}
    rows = [[place[each] for each in set(some) if each in place] for some in sets]
    ends = np.cumsum([0, *(len(row) for row in rows)])
    columns = [column for row in rows for column in row]
    has = csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(rows), len(products)))
    together = (has.T @ has).toarray()
    together[np.diag_indices_from(together)] += ridge
    inverse = np.linalg.inv(together)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    strongest = np.argsort(-weights, axis=1, kind="stable")[:, :KEPT]
    return GoesWith(
        weights={
            product_id: {
                products[other]: round(float(weights[number, other]), 5)
                for other in strongest[number]
                if weights[number, other] > 0
            }
            for number, product_id in enumerate(products)
        }
    )


def hits(
    ranked: Sequence[Sequence[str]], wanted: Sequence[Collection[str]], *, at: int = 10
) -> float:
    """Tell the share of contacts of whom one of the first few was what they wanted."""
    found = [
        bool(set(some[:at]) & set(theirs)) for some, theirs in zip(ranked, wanted, strict=True)
    ]
    return sum(found) / len(found) if found else 0.0
