"""What the tests of metrics share: a shop in which real purchases and made-up letters happen."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.demo.purchases import Purchase, purchases_file, read_purchases
from sekvens.engagement.tables import Engagement
from sekvens.enrollments.publish import publish
from sekvens.enrollments.tables import Enrollment
from sekvens.experiments.tables import EnrollmentVariant, ExperimentPlan
from sekvens.feedback.tables import Feedback, MessageFate
from sekvens.flows.builder import MARKETING, event, flow, send
from sekvens.flows.codec import to_json
from sekvens.messages.tables import Message, Template
from sekvens.metrics.definitions import METRICS
from sekvens.metrics.refresh import Refresher
from sekvens.metrics.rules import Rules
from sekvens.metrics.tables import MetricCount
from sekvens.segments.tables import SegmentStay
from tests.unit.experimenting import plan
from tests.unit.ingesting import Shop, identify, track

ZONE = ZoneInfo("Europe/Stockholm")
RULES = Rules(zone=ZONE, currency="USD")
#: After the last of the real purchases.
END = datetime(1998, 8, 1, 12, tzinfo=UTC)
LETTERS = [send("one"), send("two"), send("three")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CATEGORIES = ("socks", "hats", None)
#: Metrics that are no sums of counts: holdouts show them.
NOT_YET = {"incremental-orders", "incremental-revenue"}
COUNTED = [name for name in METRICS if name not in NOT_YET]
#: One thing that happens.
Deed = Callable[[], None]


class Post:
    """A deed that does not need the one before it: what a shop posts may come late."""

    def __init__(self, deed: Deed) -> None:
        self.deed = deed

    def __call__(self) -> None:
        self.deed()


def purchases(customers: int) -> list[Purchase]:
    """Read the real purchases of so many customers, spread over all of them."""
    found = read_purchases(purchases_file())
    chosen = sorted({each.customer_id for each in found})
    chosen = chosen[:: len(chosen) // customers][:customers]
    return [each for each in found if each.customer_id in set(chosen)]


def _no_templates(_session: Session, names: Sequence[str], *, now: datetime) -> dict[str, str]:
    return dict.fromkeys(names, "plain")


class Meter:
    """A shop whose ledger is written by hand; what it does to metrics is looked at."""

    def __init__(self, database: Database, *, seed: int = 1, now: datetime = END) -> None:
        self.database = database
        self.clock = FrozenClock(now)
        self.shop = Shop(database)
        self.shop.now = now
        self.chance = random.Random(seed)  # noqa: S311  no secret
        self.refresher = Refresher(database=database, clock=self.clock, rules=RULES)
        self.numbers = 0
        self.ids: dict[str, str] = {}  #: of contacts, by the shop's own
        self._bulk: Session | None = None
        self._posts: list[dict[str, Any]] | None = None
        self._publish()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let much happen in one transaction, and be posted afterwards: that is quicker."""
        with self.database.write() as session:
            self._bulk, self._posts = session, []
            yield
            posts, self._bulk, self._posts = self._posts, None, None
        for start in range(0, len(posts), 200):
            self.shop.post(*posts[start : start + 200])

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        if self._bulk is not None:
            yield self._bulk
            self._bulk.flush()
            return
        with self.database.write() as session:
            yield session

    def _publish(self) -> None:
        now = self.clock.now()
        flows = (
            flow("carts", version=1, purpose=MARKETING, trigger=event("Product Added"),
                 entry_key="cart_id", steps=LETTERS),
            flow("after", version=1, purpose=MARKETING, trigger=event("Order Completed"),
                 entry_key="order_id", steps=LETTERS),
        )  # fmt: skip
        with self.database.write() as session:
            for each in flows:
                publish(session, each, now=now, store_templates=_no_templates)
            for digest, text in (("asks", '{{ answers("rating") }}'), ("plain", "Hej.")):
                session.add(Template(digest=digest, name=digest, sources={"sv": text}, layout={},
                                     published_at=now))  # fmt: skip

    def later(self, by: timedelta) -> None:
        """Let wall time pass."""
        self.clock.move(by)
        self.shop.now = self.clock.now()

    def post(self, event: str, at: datetime, user: str, **properties: Any) -> None:
        """Let the shop tell of something."""
        posted = track(event, user, **properties) | {"timestamp": at.isoformat()}
        if self._posts is not None:
            self._posts.append(posted)
        else:
            self.shop.post(posted)

    def join(self, users: Mapping[str, datetime]) -> None:
        """Let people sign up."""
        said = [(identify(user, email=f"{user}@kund.example"), at) for user, at in users.items()]
        said += [(track("Email Subscribed", user), at) for user, at in users.items()]
        self.shop.post(*(each | {"timestamp": at.isoformat()} for each, at in said))
        self.ids |= {user: self.shop.contact_id(user) for user in users}

    def enroll(self, contact_id: str, flow: str, key: str, at: datetime) -> str:
        """Put somebody into a flow; tell the enrollment's id."""
        self.numbers += 1
        enrollment_id = f"e-{self.numbers}"
        with self._writing() as session:
            session.add(Enrollment(id=enrollment_id, flow=flow, flow_version=1, entry_key=key,
                                   contact_id=contact_id, workflow_id=enrollment_id,
                                   started_at=at))  # fmt: skip
        return enrollment_id

    def ends(self, enrollment_id: str, reason: str, at: datetime) -> None:
        """Let an enrollment be over."""
        with self._writing() as session:
            row = session.get_one(Enrollment, enrollment_id)
            row.state, row.exit_reason, row.ended_at = "ended", reason, at

    def claims(self, enrollment_id: str, step: str, **values: Any) -> str:
        """Write a message that is still to be sent; tell its id."""
        message_id = f"m-{enrollment_id}-{step}"
        with self._writing() as session:
            enrollment = session.get_one(Enrollment, enrollment_id)
            given = {"purpose": "marketing", "template_digest": "plain"} | values
            session.add(Message(id=message_id, enrollment_id=enrollment_id, step_id=step,
                                contact_id=enrollment.contact_id, flow=enrollment.flow,
                                flow_version=1, template=f"{enrollment.flow}/{step}",
                                state="pending", claimed_at=self.clock.now(), **given))  # fmt: skip
        return message_id

    def sends(
        self, message_id: str, at: datetime, *, locale: str, tracked: tuple[bool, bool]
    ) -> None:
        """Let SES take a message. `at` is shop time."""
        with self._writing() as session:
            row = session.get_one(Message, message_id)
            row.state, row.sent_on, row.locale = "accepted", at, locale
            row.accepted_at = row.dispatched_at = self.clock.now()
            row.tracks_opens, row.tracks_clicks = tracked

    def skips(self, message_id: str, reason: str) -> None:
        """Let a message not be sent."""
        with self._writing() as session:
            row = session.get_one(Message, message_id)
            row.state, row.skip_reason = "skipped", reason

    def reports(self, message_id: str, state: str, at: datetime) -> None:
        """Let SES report what became of a message."""
        self._told(message_id, state, at)
        with self._writing() as session:
            fate = session.get(MessageFate, message_id)
            if fate is None:
                session.add(MessageFate(message_id=message_id, state=state, at=at))
            else:
                fate.state = state

    def _told(self, message_id: str, kind: str, at: datetime) -> None:
        self.numbers += 1
        with self._writing() as session:
            session.add(Feedback(id=f"f-{self.numbers}", type="x", message_id=message_id,
                                 is_ours=True, at=at, read_at=self.clock.now(), raw={},
                                 kind=kind))  # fmt: skip

    def does(
        self,
        message_id: str,
        kind: str,
        at: datetime,
        *,
        reason: str | None = None,
        settles_at: datetime | None = None,
    ) -> None:
        """Let somebody, or a machine, open a message or click in it; `at` is wall time.

        What is not of this moment is told by SES.
        """
        if at != self.clock.now():
            self._told(message_id, f"{kind}ed", at)
        with self._writing() as session:
            contact_id = session.get_one(Message, message_id).contact_id
            verdict = {"is_machine": reason is not None, "reason": reason}
            session.add(Engagement(kind=kind, source="link", message_id=message_id, link_id="l",
                                   contact_id=contact_id, at=at, settles_at=settles_at,
                                   **verdict))  # fmt: skip

    def settles(self) -> None:
        """Let every click that waits for it count as a person's."""
        with self._writing() as session:
            for row in session.scalars(
                select(Engagement).where(Engagement.settles_at.is_not(None))
            ):
                row.settles_at = None

    def counted(self) -> list[tuple[Any, ...]]:
        """List all counts."""
        columns = [each for each in MetricCount.__table__.columns if each.name != "id"]
        with self.database.read() as session:
            return sorted((tuple(row) for row in session.execute(select(*columns))), key=str)


def set_apart(meter: Meter) -> None:
    """Let enrollments have drawn variants, and contacts have been in segments, some of the time."""
    chance, made = meter.chance, (f"{flow}/{step}" for flow in ("carts", "after") for step in "ab")
    with meter.database.write() as session:
        session.add_all(
            ExperimentPlan(
                name=name,
                round=1,
                state="running",
                began_at=END,
                plan=to_json(replace(plan(), name=name)),
            )
            for name in made
        )
        session.flush()
        for row in session.scalars(select(Enrollment)).all():
            for step in chance.sample("ab", chance.choice([0, 1, 1, 2])):
                session.add(
                    EnrollmentVariant(enrollment_id=row.id, experiment=f"{row.flow}/{step}",
                                      variant=chance.choice(["plain", "loud"]),
                                      at=row.started_at + chance.randrange(60) * HOUR)
                )  # fmt: skip
        for message, began in session.execute(
            select(Message, Enrollment.started_at).join(
                Enrollment, Enrollment.id == Message.enrollment_id
            )
        ).all():
            message.claimed_at = message.sent_on or began + chance.randrange(60) * HOUR
        for contact_id in meter.ids.values():
            for segment in ("vip", "level/gold", "dormant"):
                session.add_all(_stays(chance, contact_id, segment))


def _stays(chance: random.Random, contact_id: str, segment: str) -> Iterator[SegmentStay]:
    at = END - chance.randrange(300) * DAY
    for _ in range(chance.choice([0, 1, 2])):
        until = at + chance.randrange(1, 60) * DAY
        is_over = chance.random() < 0.7
        yield SegmentStay(contact_id=contact_id, segment=segment, since=at,
                          until=until if is_over else None)  # fmt: skip
        if not is_over:
            return
        at = until + chance.randrange(1, 60) * DAY


def bought_at(purchase: Purchase) -> datetime:
    """Tell the midnight before a purchase, in UTC."""
    return datetime.combine(purchase.day, time(), UTC)


def sign_ups(meter: Meter, bought: Sequence[Purchase]) -> dict[str, datetime]:
    """Tell when each customer signed up: some time before they bought first."""
    firsts = {each.customer_id: bought_at(each) for each in reversed(bought)}
    return {user: at - meter.chance.randrange(1, 400) * HOUR for user, at in firsts.items()}


def life(meter: Meter, bought: Sequence[Purchase]) -> Iterator[Deed]:
    """Let customers live: each real purchase with its cart, letters and what is done with them."""
    chance = meter.chance
    for nth, purchase in enumerate(bought):
        at = bought_at(purchase) + chance.randrange(24 * 60) * HOUR / 60
        user = purchase.customer_id
        yield from _buys(meter, purchase, f"{user}-{nth}", at)
        if chance.random() < 0.1:
            gone = at + chance.randrange(100) * DAY
            what = chance.choice(["Unsubscribed", "Contact Suppressed"])
            yield Post(partial(meter.post, what, gone, user))


def _buys(meter: Meter, purchase: Purchase, key: str, at: datetime) -> Iterator[Deed]:
    chance, user = meter.chance, purchase.customer_id
    ordered = at + chance.choice([0.5, 3, 30, 100, 200]) * HOUR
    line = {"cart_id": key, "product_id": f"p{purchase.quantity}", "quantity": purchase.quantity,
            "price": float(purchase.dollars / purchase.quantity if purchase.quantity else 0),
            "currency": chance.choice(["USD", "USD", "SEK"])}  # fmt: skip
    category = chance.choice(CATEGORIES)
    line |= {"category": category} if category else {}
    yield Post(lambda: meter.post("Product Added", at, user, **line))
    end = chance.choice(["order"] * 6 + ["nothing", "empty"])
    total = {"total": str(purchase.dollars), "currency": line["currency"], "cart_id": key}
    if end == "order":
        yield Post(lambda: meter.post("Order Completed", ordered, user, order_id=key, **total))
        yield from _letters(meter, user, "after", key, ordered)
    if end == "empty":
        yield Post(lambda: meter.post("Cart Emptied", ordered, user, cart_id=key))
    if chance.random() < 0.1:
        undone = chance.choice(["Order Refunded", "Order Cancelled"])
        yield Post(lambda: meter.post(undone, ordered + DAY, user, order_id=key))
    yield from _letters(meter, user, "carts", key, at + 4 * HOUR)


def _letters(meter: Meter, user: str, flow: str, key: str, at: datetime) -> Iterator[Deed]:
    chance = meter.chance
    ids: dict[str, str] = {}

    def enroll() -> None:
        ids["e"] = meter.enroll(meter.ids[user], flow, key, at)

    yield enroll
    for nth, step in enumerate(("one", "two", "three")):
        sent = at + nth * chance.randrange(5, 60) * HOUR
        yield from _letter(meter, user, ids, step, sent)
    if chance.random() < 0.9:
        ended = at + chance.randrange(2000) * HOUR / 10
        reason = chance.choice(["completed", "converted", "unsubscribed"])
        yield lambda: meter.ends(ids["e"], reason, ended)


def _letter(
    meter: Meter, user: str, ids: dict[str, str], step: str, sent: datetime
) -> Iterator[Deed]:
    chance = meter.chance
    values = {"purpose": chance.choice(["marketing", "marketing", "transactional"]),
              "template_digest": chance.choice(["asks", "plain"])}  # fmt: skip
    locale, tracked = chance.choice(["sv", "en"]), (chance.random() < 0.6, chance.random() < 0.8)

    def claim() -> None:
        ids[step] = meter.claims(ids["e"], step, **values)

    yield claim
    if chance.random() < 0.15:
        reason = chance.choice(["no_consent", "frequency_cap"])
        yield lambda: meter.skips(ids[step], reason)
        return
    yield lambda: meter.sends(ids[step], sent, locale=locale, tracked=tracked)
    fates = ["delivered"] * 8 + ["bounced", "soft_bounced", "complained", ""]
    if fate := chance.choice(fates):
        yield lambda: meter.reports(ids[step], fate, sent)
    for kind in ("open", "click", "click"):
        if chance.random() < 0.4:
            reason, done = chance.choice([None, None, "head"]), sent + chance.randrange(200) * HOUR
            yield lambda kind=kind, reason=reason, done=done: meter.does(
                ids[step], kind, done, reason=reason
            )
    yield from _answers(meter, user, ids, step, sent)


def _answers(
    meter: Meter, user: str, ids: dict[str, str], step: str, sent: datetime
) -> Iterator[Deed]:
    chance = meter.chance

    def told(event: str, **said: Any) -> Deed:
        at = sent + chance.randrange(40 * 24) * HOUR
        return Post(lambda: meter.post(event, at, user, email_id=ids[step], **said))

    for question in ("would-recommend", "how-was-it"):
        for _ in range(chance.choice([0, 0, 1, 2])):
            answer = str(chance.randrange(11))
            yield told("Question Answered", question=question, answer=answer)
    if chance.random() < 0.2:
        yield told("Product Reviewed", product_id="p", review_id=f"{ids['e']}{step}", rating=5,
                   review_body="Varm.")  # fmt: skip
    if chance.random() < 0.05:
        yield told("Unsubscribed")
