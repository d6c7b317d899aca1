"""A board in a test: five quarters of counts, in which everything that can be shown is shown."""

from datetime import date
from typing import Any, Final

from sekvens.db.session import Database
from sekvens.metrics.calendar import Quarter
from sekvens.metrics.counting import count_month
from sekvens.metrics.tables import MetricCount

#: The quarter that the clock of the tests stands in.
NOW: Final = Quarter(year=2026, number=1)
FLOWS: Final = (
    "welcome", "winback", "cart-abandonment", "browse-abandonment", "post-purchase-returning",
    "checkout-abandonment",
)  # fmt: skip
_STEPS: Final = (
    "your-cart-misses-you", "questions-answered", "nothing-to-lose", "a-small-nudge", "last-word",
)  # fmt: skip
_CATEGORIES: Final = ("Tröjor", "Sockor", "Vantar och tumvantar", "Mössor", "Plädar", None)


def fill(database: Database, *, flows: tuple[str, ...] = FLOWS, quarters: int = 6) -> None:
    """Count a good deal in each of the last quarters; the newest is a little better."""
    with database.write() as session:
        for back in range(quarters):
            day = NOW.after(-back).begins
            session.add_all(MetricCount(day=day, **row) for row in _rows(back, flows))
            session.flush()
            count_month(session, day)


def put(database: Database, day: date, **row: Any) -> None:
    """Add one count."""
    with database.write() as session:
        session.add(MetricCount(day=day, **row))
        session.flush()
        count_month(session, day.replace(day=1))


def _rows(back: int, flows: tuple[str, ...]) -> list[dict[str, Any]]:
    better = 30 if back == 0 else 0
    rows: list[dict[str, Any]] = []

    def add(name: str, n: int, **told: Any) -> None:
        rows.append({"name": name, "n": n, **told})

    for nth, flow in enumerate(flows):
        size = 600 - 80 * nth
        for name, part in (
            ("delivered", 1.0), ("opens_allowed", 0.6), ("opened", 0.2 + better / 300),
            ("opened_clicks_allowed", 0.2), ("opened_clicked", 0.05), ("asked_review", 0.3),
            ("reviewed", 0.03),
        ):  # fmt: skip
            add(name, int(size * part), flow=flow, step_id="hello")
        for answer, n in (("10", 20 + better), ("9", 10), ("7", 8), ("3", 6)):
            add("answer/would-recommend", n, flow=flow, detail=answer)
        add("kept_after", 80, flow=flow, detail="completed")
        add("lost_after", 9, flow=flow, detail="completed", bucket=12)
    for nth, step in enumerate(_STEPS):
        for at, category in enumerate(_CATEGORIES):
            told = {"flow": "cart-abandonment", "step_id": step, "detail": category,
                    "bucket": (0, 25_000, 50_000, 100_000, 250_000)[at % 5]}  # fmt: skip
            add("cart_reminder", 90 - 10 * nth, **told)
            add("cart_redeemed", 9 - nth, **told)
    for bucket, n in ((10, 30), (60, 40), (120, 20)):
        add("second", n, bucket=bucket)
        add("lost", n, bucket=bucket)
    add("no_second", 200)
    add("kept", 400)
    return rows
