"""Every metric, counted a second time: in plain Python, over the raw rows, with none of our code.

Slow and simple on purpose. It knows what metrics mean from docs/metrics.md, and not how they are
counted: it shares nothing with `sekvens.metrics` but the tables of the facts.
"""

import hashlib
import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Consent, ConsentChange, Contact, Suppression
from sekvens.engagement.tables import Engagement
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent, Order
from sekvens.experiments.tables import EnrollmentVariant
from sekvens.feedback.tables import MessageFate
from sekvens.messages.tables import Message
from sekvens.segments.tables import SegmentStay

DAY = timedelta(days=1)
ANSWERS = {"nps": "would-recommend", "satisfaction": "how-was-it"}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that counts: its day, what it can be told apart by, what it adds to each sum."""

    day: date
    groups: dict[str, Any]
    above: float
    below: float
    #: what it overlaps with: it counts once for each
    several: dict[str, list[str]] = field(default_factory=dict)


class Recount:
    """The raw rows of a shop whose days are those of `zone`, and what they come to."""

    def __init__(self, session: Session, *, zone: ZoneInfo, currency: str) -> None:
        self.zone, self.currency = zone, currency
        self.rows: dict[Any, list[Any]] = {
            table: list(session.scalars(select(table)))
            for table in (Message, MessageFate, Engagement, Enrollment, ContactEvent, Order,
                          Contact, Consent, ConsentChange, Suppression, EnrollmentVariant,
                          SegmentStay)
        }  # fmt: skip
        self.enrollments = {row.id: row for row in self.rows[Enrollment]}
        self.fates = {row.message_id: row.state for row in self.rows[MessageFate]}
        self.done: dict[str, list[Any]] = defaultdict(list)
        for row in self.rows[Engagement]:
            self.done[row.message_id].append(row)

    def entries(self, name: str) -> list[Entry]:
        """List what counts for a metric."""
        found: list[Entry] = getattr(self, f"_{name.replace('-', '_')}")()
        return found

    def value(self, name: str, entries: list[Entry]) -> float | None:
        """Work a metric out."""
        below = sum(entry.below for entry in entries)
        if not below:
            return None
        if name.startswith("time-to-exit"):
            days = sorted(entry.above for entry in entries)
            return days[math.ceil(len(days) * (0.9 if name.endswith("p90") else 0.5)) - 1]
        above = sum(entry.above for entry in entries)
        return above / below * (100 if name in ANSWERS else 1)

    def local(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def money(self, text: Any, currency: str | None) -> Decimal | None:
        return None if text is None or currency not in (None, self.currency) else Decimal(str(text))

    # Messages

    @cached_property
    def sent(self) -> list[Any]:
        return [row for row in self.rows[Message] if row.state == "accepted"]

    @cached_property
    def arrived(self) -> list[Any]:
        return [row for row in self.sent if self.fates.get(row.id) in ("delivered", "complained")]

    def of(self, row: Any, above: float, below: float = 1, **groups: Any) -> Entry:
        at = row.sent_on if row.state == "accepted" else row.claimed_at
        told = {"flow": row.flow, "version": row.flow_version, "step": row.step_id,
                "locale": row.locale, "purpose": row.purpose}  # fmt: skip
        return Entry(day=self.local(at), groups=told | groups, above=above, below=below,
                     several=self.several(row))  # fmt: skip

    def several(self, row: Any) -> dict[str, list[str]]:
        midnight = datetime.combine(self.local(row.claimed_at) + DAY, time(), self.zone)
        at = row.sent_on if row.state == "accepted" else midnight - timedelta.resolution
        return {"variant": self.variants(row.enrollment_id, row.claimed_at),
                "segment": self.segments(row.contact_id, at)}  # fmt: skip

    def variants(self, enrollment_id: str, at: datetime) -> list[str]:
        return [
            f"{each.experiment}/{each.variant}"
            for each in self.rows[EnrollmentVariant]
            if each.enrollment_id == enrollment_id and each.at <= at
        ]

    def segments(self, contact_id: str, at: datetime) -> list[str]:
        return [
            each.segment
            for each in self.rows[SegmentStay]
            if each.contact_id == contact_id
            and each.since <= at
            and (each.until is None or at < each.until)
        ]

    def did(self, row: Any, kind: str, *, machine: bool = False) -> bool:
        return any(
            each.kind == kind and each.is_machine == machine and each.settles_at is None
            for each in self.done[row.id]
        )

    def fate(self, *states: str, among: list[Any]) -> list[Entry]:
        return [self.of(row, self.fates.get(row.id) in states) for row in among]

    def _delivered(self) -> list[Entry]:
        return self.fate("delivered", "complained", among=self.sent)

    def _bounced(self) -> list[Entry]:
        return self.fate("bounced", among=self.sent)

    def _soft_bounced(self) -> list[Entry]:
        return self.fate("soft_bounced", among=self.sent)

    def _complaints(self) -> list[Entry]:
        return self.fate("complained", among=self.arrived)

    def _unsubscribes(self) -> list[Entry]:
        marketing = [row for row in self.arrived if row.purpose == "marketing"]
        return [self.of(row, bool(self.said(row, "Unsubscribed"))) for row in marketing]

    def _open_rate(self) -> list[Entry]:
        return [self.of(row, self.did(row, "open")) for row in self.arrived if row.tracks_opens]

    def _open_consent(self) -> list[Entry]:
        return [self.of(row, bool(row.tracks_opens)) for row in self.arrived]

    def only_machines(self, row: Any, kind: str) -> bool:
        return self.did(row, kind, machine=True) and not self.did(row, kind)

    def _machine_opens(self) -> list[Entry]:
        allowed = [row for row in self.arrived if row.tracks_opens]
        return [self.of(row, self.only_machines(row, "open")) for row in allowed]

    def _click_rate(self) -> list[Entry]:
        return [self.of(row, self.did(row, "click")) for row in self.arrived if row.tracks_clicks]

    def _machine_clicks(self) -> list[Entry]:
        allowed = [row for row in self.arrived if row.tracks_clicks]
        return [self.of(row, self.only_machines(row, "click")) for row in allowed]

    def _click_to_open(self) -> list[Entry]:
        allowed = [row for row in self.arrived if row.tracks_clicks and row.tracks_opens]
        opened = [row for row in allowed if self.did(row, "open")]
        return [self.of(row, self.did(row, "click")) for row in opened]

    def _skipped(self) -> list[Entry]:
        due = [row for row in self.rows[Message] if row.state in ("accepted", "skipped")]
        return [self.of(row, row.state == "skipped") for row in due]

    # What they led to

    def said(self, row: Any, name: str, **wanted: str) -> list[Any]:
        found = [
            event
            for event in self.rows[ContactEvent]
            if event.name == name
            and event.properties.get("email_id") == row.id
            and timedelta() <= event.occurred_at - row.sent_on <= 30 * DAY
            and all(event.properties.get(key) == value for key, value in wanted.items())
        ]
        return sorted(found, key=lambda each: (each.occurred_at, each.properties.get("answer", "")))

    def _review_conversion(self) -> list[Entry]:
        asking = [row for row in self.arrived if row.template_digest == "asks"]
        return [self.of(row, bool(self.said(row, "Product Reviewed"))) for row in asking]

    def answers(self, question: str) -> list[Entry]:
        found = []
        for row in self.arrived:
            said = self.said(row, "Question Answered", question=question)
            if said:
                score = int(said[-1].properties["answer"])
                found.append(self.of(row, 1 if score >= 9 else -1 if score <= 6 else 0))
        return found

    def _nps(self) -> list[Entry]:
        return self.answers("would-recommend")

    def _satisfaction(self) -> list[Entry]:
        return self.answers("how-was-it")

    # Orders

    @cached_property
    def orders(self) -> list[tuple[Any, int, Any, Decimal | None, str | None]]:
        """List (order, which of the contact's it is, the next, its money, its message)."""
        found = []
        by_contact: dict[str, list[Any]] = defaultdict(list)
        for row in self.rows[Order]:
            if row.state == "completed":
                by_contact[row.contact_id].append(row)
        for theirs in by_contact.values():
            theirs.sort(key=lambda row: (row.ordered_at, row.order_id))
            for nth, row in enumerate(theirs):
                later = theirs[nth + 1] if nth + 1 < len(theirs) else None
                money = self.money(row.total, row.currency)
                found.append((row, nth, later, money, self.led_to(row)))
        return found

    def led_to(self, order: Any) -> str | None:
        clicks = [
            (click.at, click.id, click.message_id)
            for click in self.rows[Engagement]
            if click.contact_id == order.contact_id
            and click.kind == "click"
            and not click.is_machine
            and click.settles_at is None
            and order.ordered_at - 5 * DAY <= click.at <= order.ordered_at
        ]
        return max(clicks)[2] if clicks else None

    def _conversion(self) -> list[Entry]:
        owed = {message_id for *_, message_id in self.orders}
        return [self.of(row, row.id in owed) for row in self.arrived]

    def _revenue_per_recipient(self) -> list[Entry]:
        owed: dict[str | None, Decimal] = defaultdict(Decimal)
        for *_, money, message_id in self.orders:
            owed[message_id] += money or 0
        return [self.of(row, float(owed[row.id])) for row in self.arrived]

    def ordered(self, row: Any, above: float, below: float) -> Entry:
        among = {"segment": self.segments(row.contact_id, row.ordered_at)}
        return Entry(day=self.local(row.ordered_at), groups={}, above=above, below=below,
                     several=among)  # fmt: skip

    def _email_share(self) -> list[Entry]:
        return [
            self.ordered(row, float(money if message_id else 0), float(money))
            for row, _, _, money, message_id in self.orders
            if money is not None
        ]

    def _repeat_purchase(self) -> list[Entry]:
        return [
            self.ordered(row, later is not None and later.ordered_at - row.ordered_at < 90 * DAY, 1)
            for row, nth, later, _, _ in self.orders
            if nth == 0
        ]

    def _repeat_value(self) -> list[Entry]:
        return [
            self.ordered(row, float(money), 1)
            for row, nth, _, money, _ in self.orders
            if nth and money is not None
        ]

    # Carts: in this shop each has an id of its own, and is filled once

    @cached_property
    def carts(self) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for event in self.rows[ContactEvent]:
            said = event.properties
            if event.name == "Product Added":
                worth = Decimal(str(said["price"])) * max(said["quantity"], 1)
                floors = [floor for floor in (250, 500, 1000, 2500) if floor <= worth]
                is_ours = said["currency"] == self.currency
                cart = found.setdefault(said["cart_id"], {})
                cart |= {"at": event.occurred_at, "id": said["cart_id"], "whose": event.contact_id,
                         "category": said.get("category"),
                         "cart-value": max(floors, default=0) if is_ours else 0}  # fmt: skip
            elif event.name in ("Order Completed", "Cart Emptied"):
                end = "ordered" if event.name == "Order Completed" else "emptied"
                found.setdefault(said["cart_id"], {})[end] = event.occurred_at
        for cart in found.values():
            ends = [cart[end] for end in ("ordered", "emptied") if end in cart]
            cart["end"] = min(ends, default=None)
            cart["left"] = cart["end"] is None or cart["end"] - cart["at"] >= timedelta(hours=4)
            in_time = "ordered" in cart and cart["ordered"] - cart["at"] <= 5 * DAY
            cart["recovered"] = cart["left"] and in_time
        return list(found.values())

    def cart(self, cart: dict[str, Any], above: float) -> Entry:
        groups = {"category": cart["category"], "cart-value": cart["cart-value"]}
        among = {"segment": self.segments(cart["whose"], cart["at"])}
        return Entry(day=self.local(cart["at"]), groups=groups, above=above, below=1,
                     several=among)  # fmt: skip

    def _cart_abandonment(self) -> list[Entry]:
        return [self.cart(cart, cart["left"]) for cart in self.carts]

    def _cart_recovery(self) -> list[Entry]:
        return [self.cart(cart, cart["recovered"]) for cart in self.carts if cart["left"]]

    def _cart_redemption(self) -> list[Entry]:
        found = []
        for cart in self.carts:
            about = [
                row
                for row in self.sent
                if row.flow == "carts"
                and self.enrollments[row.enrollment_id].entry_key == cart["id"]
                and row.sent_on >= cart["at"]
                and (cart["end"] is None or row.sent_on < cart["end"])
            ]
            at = cart.get("ordered")
            early = [row for row in about if at is not None and at - row.sent_on <= 5 * DAY]
            last = max(early, key=lambda row: (row.sent_on, row.id), default=None)
            groups = {"category": cart["category"], "cart-value": cart["cart-value"]}
            found += [self.of(row, row is last, **groups) for row in about if row in self.arrived]
        return found

    # Contacts

    @cached_property
    def joined(self) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for row in self.rows[ConsentChange]:
            if row.purpose == "marketing" and row.status == "subscribed":
                found[row.contact_id] = min(row.at, found.get(row.contact_id, row.at))
        return found

    @cached_property
    def lost(self) -> dict[str, datetime]:
        ats: dict[str, list[datetime]] = defaultdict(list)
        for row in self.rows[Consent]:
            if row.purpose == "marketing" and row.status != "subscribed":
                ats[row.contact_id].append(row.changed_at)
        suppressed = {row.address_hash: row.at for row in self.rows[Suppression]}
        for row in self.rows[Contact]:
            key = hashlib.sha256((row.email or "").strip().casefold().encode()).hexdigest()
            if key in suppressed:
                ats[row.id].append(suppressed[key])
        return {whose: max(min(each), self.joined[whose]) for whose, each in ats.items()}

    def kept(self, days: int) -> list[Entry]:
        return [
            Entry(
                day=self.local(at), groups={}, below=1,
                above=whose not in self.lost or self.lost[whose] - at >= days * DAY,
            )
            for whose, at in self.joined.items()
        ]  # fmt: skip

    def _kept_30_days(self) -> list[Entry]:
        return self.kept(30)

    def _kept_90_days(self) -> list[Entry]:
        return self.kept(90)

    def _kept_180_days(self) -> list[Entry]:
        return self.kept(180)

    def _kept_365_days(self) -> list[Entry]:
        return self.kept(365)

    # Flows

    def exit(self, row: Any, above: float) -> Entry:
        groups = {"flow": row.flow, "version": row.flow_version, "reason": row.exit_reason}
        among = {"variant": self.variants(row.id, datetime.max.replace(tzinfo=UTC)),
                 "segment": self.segments(row.contact_id, row.ended_at)}  # fmt: skip
        return Entry(day=self.local(row.ended_at), groups=groups, above=above, below=1,
                     several=among)  # fmt: skip

    @cached_property
    def exits(self) -> list[Any]:
        return [row for row in self.enrollments.values() if row.ended_at is not None]

    def _kept_after_flow(self) -> list[Entry]:
        found = []
        for row in self.exits:
            joined, lost = self.joined[row.contact_id], self.lost.get(row.contact_id)
            if joined <= row.ended_at and (lost is None or lost > row.started_at):
                found.append(self.exit(row, lost is None or lost - row.ended_at >= 30 * DAY))
        return found

    def _time_to_exit(self) -> list[Entry]:
        return [self.exit(row, (row.ended_at - row.started_at) // DAY) for row in self.exits]

    def _time_to_exit_p90(self) -> list[Entry]:
        return self._time_to_exit()
