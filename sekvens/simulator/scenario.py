"""A scenario: one contact in one flow, what they do when, and what becomes of each send.

A scenario is a TOML file. Times are spans since the start (`2d 3h`), so that a trace reads like a
story. The same scenario runs on the pure driver and on a real Temporal server.
"""

import re
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


@dataclass(frozen=True, kw_only=True)
class ScenarioEvent:
    """Something the contact, or a person on the staff, does at a time after the start."""

    after: timedelta
    name: str
    properties: dict[str, object] = field(default_factory=dict)
    copies: int = 1  #: how often the event is delivered: a repeat must change nothing
    direct: bool = False  #: a backend signals it by itself; the relay brings it, too


@dataclass(frozen=True, kw_only=True)
class PastAct:
    """Something the contact did before the start."""

    ago: timedelta
    name: str
    properties: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One contact's story in one flow."""

    flow: str
    start: datetime
    zone: str
    entry_key: str | None  #: what the flow's `same` patterns are compared with
    subscribed: bool
    traits: dict[str, str]
    past: tuple[PastAct, ...]
    events: tuple[ScenarioEvent, ...]
    outcomes: dict[
        str, tuple[str, ...]
    ]  #: step id -> outcomes of its attempts; the rest are `sent`, or `done`
    offers: dict[str, timedelta]  #: offer -> how long it holds from the first e-mail that makes it
    cart: tuple[str, ...] = ()  #: the products in the cart of the entry
    sold_out: dict[str, timedelta] = field(default_factory=dict)  #: product -> when
    raised: dict[str, timedelta] = field(default_factory=dict)  #: product -> when it costs more
    needs: dict[str, timedelta] = field(default_factory=dict)  #: product -> when it is needed again
    variants: dict[str, str] = field(default_factory=dict)  #: experiment -> the variant drawn
    categories: dict[str, str] = field(default_factory=dict)  #: product -> its category
    figures: dict[str, float] = field(default_factory=dict)  #: of the shop's own, by name
    next_order: timedelta | None = None  #: when a model foretells it, from the start


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ValueError: a time cannot be read, or a key is unknown.
    """
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = set(data) - {
        "about", "flow", "start", "zone", "subscribed", "traits", "past", "events", "outcomes",
        "entry_key", "offers", "cart", "sold_out", "raised", "needs", "variants", "categories",
        "figures", "next_order",
    }  # fmt: skip
    if unknown:
        raise ValueError(f"{path.name}: unknown {', '.join(sorted(unknown))}")
    return Scenario(
        flow=data["flow"],
        start=data.get("start", datetime(2026, 3, 4, 12, 0, tzinfo=UTC)),
        zone=data.get("zone", "Europe/Stockholm"),
        subscribed=data.get("subscribed", True),
        traits=data.get("traits", {}),
        entry_key=data.get("entry_key"),
        past=tuple(PastAct(**{**past, "ago": span(past["ago"])}) for past in data.get("past", [])),
        events=tuple(sorted(map(_event, data.get("events", [])), key=lambda event: event.after)),
        outcomes={step: tuple(kinds) for step, kinds in data.get("outcomes", {}).items()},
        offers={offer: span(lasts) for offer, lasts in data.get("offers", {}).items()},
        cart=tuple(data.get("cart", ())),
        sold_out={product: span(since) for product, since in data.get("sold_out", {}).items()},
        raised={product: span(since) for product, since in data.get("raised", {}).items()},
        needs={product: span(due) for product, due in data.get("needs", {}).items()},
        variants=data.get("variants", {}),
        categories=data.get("categories", {}),
        figures=data.get("figures", {}),
        next_order=span(data["next_order"]) if "next_order" in data else None,
    )


def span(text: str) -> timedelta:
    """Read a span such as `2d 3h` or `90m`."""
    parts = _SPAN.findall(text)
    if not parts or _SPAN.sub("", text).strip():
        raise ValueError(f"{text!r} is no span: write it like '2d 3h 30m'")
    return sum((timedelta(**{_UNITS[unit]: float(n)}) for n, unit in parts), timedelta(0))


def _event(data: dict[str, Any]) -> ScenarioEvent:
    known = {**data, "after": span(data["after"])}
    return ScenarioEvent(**known)
