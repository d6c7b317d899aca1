"""The names of events, and the page that documents them."""

import os
from pathlib import Path

import pytest

from sekvens.events import schema
from sekvens.events.schema import EVENTS, KNOWN_EVENTS, EventKind
from sekvens.events.spelling import ALIASES, canonical
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.survey import heard

NOTHING = "\N{EN DASH}"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "events.md"


@pytest.mark.parametrize(
    ("posted", "ours"),
    [
        ("Completed Order", "Order Completed"),
        ("Viewed Product", "Product Viewed"),
        ("Started Order", "Checkout Started"),
        ("product_added", "Product Added"),
        ("productAdded", "Product Added"),
        ("ORDER COMPLETED", "Order Completed"),
        ("Placed Order", "Order Completed"),
        ("Order Canceled", "Order Cancelled"),
        ("orders/create", "Order Completed"),
        ("returns/request", "Return Started"),
        ("Clicked Email", "Email Link Clicked"),
        ("order_ready_for_pickup", "Order Ready for Pickup"),
        ("Page", "Page"),
        ("Mended A Sock", "Mended A Sock"),
        ("♥", "♥"),
    ],
)
def test_other_spellings_become_ours_and_unknown_names_stay(posted: str, ours: str) -> None:
    assert canonical(posted) == ours


def test_every_alias_leads_to_a_known_name() -> None:
    assert set(ALIASES.values()) <= KNOWN_EVENTS
    assert all(canonical(alias) == name for alias, name in ALIASES.items())


def test_the_reference_lists_every_event_with_what_it_does() -> None:
    head, line, rest = PAGE.read_text("utf-8").partition("| --- | --- | --- |\n")
    table, _, tail = rest.partition("\n\n")
    rows = [row(kind) for kind in EVENTS]
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(f"{head}{line}{NEW_LINE.join(rows)}\n\n{tail}", "utf-8")

    assert table.splitlines() == rows, "run: UPDATE_DOCS=1 pytest tests/unit/test_events_schema.py"


NEW_LINE = "\n"


def row(kind: EventKind) -> str:
    does = {
        "starts": [flow.name for flow in CATALOGUE if flow.trigger.name == kind.name],
        "moves": [
            flow.name
            for flow in CATALOGUE
            if kind.name in {pattern.name for _, pattern in heard(flow)}
        ],
        "ends": [
            flow.name
            for flow in CATALOGUE
            if kind.name in {rule.pattern.name for rule in flow.exit_when}
        ],
    }
    told = [f"{does_it} `{'`, `'.join(names)}`" for does_it, names in does.items() if names]
    if kind.name == schema.UNSUBSCRIBED:
        told.append("ends every flow that is marketing only")
    name = kind.name + (" *" if kind.ours else "")
    return f"| {name} | {kind.folds_into or NOTHING} | {'; '.join(told) or NOTHING} |"
