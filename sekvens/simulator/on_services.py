"""A story on the real services: what contacts do is posted when they do it, as a backend would.

Temporal, worker, relay, API, database and local SES are the product's own, under a shop clock with
short days. What contacts do when is worked out in memory beforehand, so that both do the same; what
came of it is read from the database, and compared.
"""

import json
import re
import time
import urllib.request
import uuid
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any, Final

from sekvens.clock import Clock
from sekvens.demo.place import Place
from sekvens.demo.products import Product, read_products
from sekvens.demo.shop import as_told
from sekvens.errors import SekvensError
from sekvens.flows.definition import Flow
from sekvens.messages.tables import Message, MessageState
from sekvens.simulator.foresight import live
from sekvens.simulator.moments import Did, Lived
from sekvens.simulator.read_back import read_back
from sekvens.simulator.stage import Stage, set_stage
from sekvens.simulator.story import Outage, Person, Story

#: More contacts than this would be late for want of a processor, not for a fault of ours.
CONTACTS_MAX: Final = 50
#: So much of the shop's time is kept for getting ready.
TO_GET_READY: Final = timedelta(hours=6)
#: The machine may be busy: how long (wall time) the first e-mail may take.
PATIENCE_SECONDS: Final = 240.0
LOOK_SECONDS: Final = 0.1
#: Somebody who has nothing to do with the story: a worker's first workflow is slow.
EARLY: Final = "who-warms-up-the-worker"
_DAY: Final = timedelta(days=1)


class TooManyContacts(SekvensError):
    """The story has more contacts than the services can live at once in quick days."""


class NotInTime(SekvensError):
    """The services did not do in time what they should have done in a moment."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A story that was lived twice."""

    starts: datetime  #: shop time; its hour is that of the story as it is written
    in_memory: Sequence[Lived]
    on_services: Sequence[Lived]


def live_on_services(
    story: Story,
    people: Sequence[Person],
    place: Place,
    clock: Clock,
    *,
    flows: Sequence[Flow],
    progress: Callable[[datetime, datetime], None] = lambda _now, _ends: None,
) -> Told:
    """Live a story in a place whose services are up, and in memory; the worker is stopped then.

    `progress` is told the shop time, and when the story ends.

    Raises:
        NotInTime: the services hang, or the machine is far too busy.
        ServiceStopped: a service ended by itself.
    """
    return _Telling(story, people, place, clock, flows, progress).tell()


def check(story: Story) -> None:
    """See that a story can be lived on the real services.

    Raises:
        TooManyContacts: of more than `CONTACTS_MAX`.
    """
    if story.contacts > CONTACTS_MAX:
        raise TooManyContacts(
            f"{story.name} has {story.contacts:,} contacts: at most {CONTACTS_MAX} are lived on "
            "the real services, where each e-mail is really sent and a day lasts seconds. Write a "
            "story of a few, or draw fewer with --contacts"
        )


class _Telling:
    def __init__(
        self,
        story: Story,
        people: Sequence[Person],
        place: Place,
        clock: Clock,
        flows: Sequence[Flow],
        progress: Callable[[datetime, datetime], None],
    ) -> None:
        self._story = story
        self._people = people
        self._place = place
        self._clock = clock
        self._flows = flows
        self._progress = progress
        self._shop_time = place.settings.shop_time()
        self._products = read_products(place.site.api_url)

    def tell(self) -> Told:
        self._warm_up()
        starts = _next(self._story.starts, not_before=self._now() + TO_GET_READY)
        stage, lived = self._in_memory(starts)
        self._post(*[self._identify(person) for person in self._people])
        self._act_out(lived, stage)
        self._place.processes.stop("worker")  # so that it ends here for the services, too
        there = [read_back(self._place, each) for each in lived]
        return Told(starts=starts, in_memory=lived, on_services=there)

    def _now(self) -> datetime:
        return self._shop_time.at(self._clock.now())

    def _warm_up(self) -> None:
        self._post(
            _identified(EARLY, {"timezone": self._place.settings.shop.timezone}),
            _tracked(EARLY, "Email Subscribed", {}),
        )

        def is_warm() -> bool:
            with self._place.database.read() as session:
                accepted = session.query(Message).filter_by(state=MessageState.ACCEPTED)
                return accepted.first() is not None

        self._wait_for(is_warm, "the first e-mail of the worker has left")

    def _in_memory(self, starts: datetime) -> tuple[Stage, list[Lived]]:
        story = replace(
            self._story,
            starts=starts,
            outages=tuple(
                _moved(each, starts - self._story.starts) for each in self._story.outages
            ),
        )
        stage = replace(
            set_stage(story, self._place.settings, self._flows), speed=self._shop_time.speed
        )
        lived = [live(stage, person) for person in self._people]
        stage = replace(stage, ends=_quiet_end(lived, stage.ends))
        return stage, [live(stage, person) for person in self._people]

    def _act_out(self, lived: Sequence[Lived], stage: Stage) -> None:
        """Post what contacts do when they do it, break SES and mend it, and wait for the end."""
        acts: list[tuple[datetime, int, Callable[[], None]]] = []
        for each in lived:
            for did in each.did:
                acts.append((did.at, len(acts), partial(self._do, each, did)))
        for outage in stage.outages:
            acts.append((outage.begins, len(acts), self._break_ses))
            acts.append((outage.ends, len(acts), self._mend_ses))
        for at, _, act in sorted(acts, key=lambda each: each[:2]):
            self._wait_until(at, stage.ends)
            if at <= stage.ends:
                act()
        self._wait_until(stage.ends, stage.ends)

    def _do(self, lived: Lived, did: Did) -> None:
        name = lived.person.name
        past = as_told(did.at, self._shop_time) if did.at < lived.starts else None
        if not did.event:
            self._post(_identified(name, did.given))
        else:
            given = described(did.given, self._products, lived.person.locale or "sv")
            self._post(_tracked(name, did.event, given, at=past))

    def _wait_until(self, at: datetime, ends: datetime) -> None:
        at = min(at, ends)
        while (now := self._now()) < at:
            self._progress(now, ends)
            self._place.processes.check()
            time.sleep(LOOK_SECONDS)

    def _wait_for(self, probe: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not probe():
            self._place.processes.check()
            if time.monotonic() > deadline:
                raise NotInTime(f"after {PATIENCE_SECONDS:g} s it is still not so: {what}")
            time.sleep(LOOK_SECONDS)

    def _identify(self, person: Person) -> dict[str, Any]:
        locale = {"locale": person.locale} if person.locale else {}
        return _identified(person.name, {"timezone": person.zone, **locale, **person.traits})

    def _post(self, *events: dict[str, Any]) -> None:
        site = self._place.site
        key = b64encode(f"{site.write_key}:".encode()).decode()
        headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
        self._call("POST", f"{site.api_url}/v1/batch", {"batch": events}, headers)

    def _break_ses(self) -> None:
        url = f"{self._place.site.inbox_url}/_local/faults"
        body = {"mode": "unavailable", "count": None}
        self._call("POST", url, body, {"Content-Type": "application/json"})

    def _mend_ses(self) -> None:
        self._call("DELETE", f"{self._place.site.inbox_url}/_local/faults", None, {})

    def _call(self, method: str, url: str, body: object, headers: dict[str, str]) -> None:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  our own
        try:
            urllib.request.urlopen(request, timeout=30).close()  # noqa: S310  our own address
        except OSError as error:
            raise NotInTime(f"{url} does not answer: {error}") from error


def described(given: dict[str, Any], products: Sequence[Product], language: str) -> dict[str, Any]:
    """Say of products what a shop says of them: of one that the sample shop lacks, of another."""

    def said(product_id: object) -> dict[str, Any]:
        known = next((each for each in products if each.product_id == product_id), products[0])
        return known.properties(language)

    if "products" in given:
        lines = [{**said(line["product_id"]), **line} for line in given["products"]]
        return {**given, "products": lines, "total": sum(line["price"] for line in lines)}
    return {**said(given["product_id"]), **given} if "product_id" in given else given


def address_of(name: str) -> str:
    """Tell the address of a contact of a story: one that nobody has."""
    is_plain = re.fullmatch(r"[A-Za-z0-9-]{1,60}", name)
    return f"{name if is_plain else uuid.uuid5(uuid.NAMESPACE_URL, name)}@example.com"


def _identified(name: str, traits: dict[str, Any]) -> dict[str, Any]:
    given = {"email": address_of(name), **traits}
    return {"type": "identify", "userId": name, "messageId": _new_id(), "traits": given}


def _tracked(
    name: str, event: str, properties: dict[str, Any], *, at: datetime | None = None
) -> dict[str, Any]:
    if event == "page":
        said: dict[str, Any] = {"type": "page"}
    else:
        said = {"type": "track", "event": event}
    if at is not None:
        said["timestamp"] = at.isoformat()
    return {**said, "userId": name, "messageId": _new_id(), "properties": properties}


def _new_id() -> str:
    return f"story-{uuid.uuid4()}"


def _next(starts: datetime, *, not_before: datetime) -> datetime:
    """Tell the first instant at which it is as late in the day as when the story starts."""
    days = (not_before - starts) // _DAY
    at = starts + days * _DAY
    return at if at >= not_before else at + _DAY


def _moved(outage: Outage, by: timedelta) -> Outage:
    return Outage(begins=outage.begins + by, ends=outage.ends + by)


def _quiet_end(lived: Sequence[Lived], ends: datetime) -> datetime:
    """Tell when in the last day the longest time passes in which nothing happens: its middle."""
    since = ends - _DAY
    times = [moment.at for each in lived for moment in each.moments if since < moment.at < ends]
    edges = [since, *sorted(times), ends]
    before, after = max(pairwise(edges), key=lambda each: each[1] - each[0])
    return before + (after - before) / 2
