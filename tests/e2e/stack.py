"""The real services for end-to-end tests, on free ports, by the demo's own process handling.

Everything listens on 127.0.0.1 and is stopped by its process id. When a test fails, the ends of
the services' logs are printed; the logs themselves stay in the test's folder.
"""

import json
import os
import shutil
import tempfile
import urllib.request
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from temporalio.client import Client, WorkflowHandle

from sekvens.clock import SystemClock
from sekvens.commands.resources import publish_flows
from sekvens.db.migrate import upgrade
from sekvens.db.session import Database
from sekvens.demo import services
from sekvens.demo.ports import Ports
from sekvens.demo.processes import Processes, ServiceStopped
from sekvens.demo.products import Product, read_products
from sekvens.demo.services import Site
from sekvens.enrollments import names, queries
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.wire import EnrollmentView
from sekvens.events.tables import ContactEvent
from sekvens.flows.builder import event
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.outcomes import SkipReason
from sekvens.messages.tables import Message, MessageState
from sekvens.plugin import sekvens_plugin
from sekvens.settings import load_settings
from tests.e2e.postgresql import url_of
from tests.e2e.services import PATIENCE, Services, eventually
from tests.e2e.warm import launch_warm
from tests.ports import free_ports

ENDED_BY_AN_ORDER = frozenset(
    flow.name
    for flow in CATALOGUE
    if any(rule.pattern == event("Order Completed") for rule in flow.exit_when)
)

TAIL_LINES = 40


@dataclass(frozen=True, kw_only=True)
class Stack(Services):
    """Temporal, the local SES, API, relay and worker, with their database."""

    database: Database
    products: list[Product]

    # What a shop's backend does.

    def post(self, *events: dict[str, Any]) -> datetime:
        """Post events as one batch of Segment's API; tell when the 200 came."""
        key = b64encode(f"{self.site.write_key}:".encode()).decode()
        http_post(
            f"{self.site.api_url}/v1/batch",
            json.dumps({"batch": events}).encode(),
            {"Authorization": f"Basic {key}", "Content-Type": "application/json"},
        )
        return datetime.now(UTC)

    def cart(self, user_id: str, cart_id: str, language: str = "sv") -> dict[str, Any]:
        """Make the event of a product put into a cart."""
        put = self.products[0].properties(language)
        return track(user_id, "Product Added", {**put, "cart_id": cart_id, "quantity": 1})

    # What the outside sees.

    def mails(self, *user_ids: str) -> list[dict[str, Any]]:
        """List the e-mails that the local SES took, of some contacts or of all."""
        mails = json.loads(_http("GET", f"{self.site.inbox_url}/_local/messages"))
        wanted = {address_of(user_id) for user_id in user_ids}
        return [mail for mail in mails if not wanted or mail["recipient"] in wanted]

    def steps(self, user_id: str) -> list[str]:
        """List the e-mails that a contact got, as `flow/step`."""
        mails = self.mails(user_id)
        return [f"{mail['tags']['flow']}/{mail['tags']['step']}" for mail in mails]

    def break_ses(self, mode: str, count: int | None = None, **more: str | int) -> None:
        """Arm a fault of the local SES; without a count until it is mended."""
        body = json.dumps({"mode": mode, "count": count, **more}).encode()
        http_post(self._faults_url, body, {"Content-Type": "application/json"})

    def mend_ses(self) -> None:
        """Disarm every fault."""
        _http("DELETE", self._faults_url)

    def faults(self) -> list[dict[str, Any]]:
        """List the faults that are armed."""
        armed: list[dict[str, Any]] = json.loads(_http("GET", self._faults_url))
        return armed

    def tell_events(self, **faults: float) -> None:
        """Set what goes wrong with SES's events from now on; nothing given: nothing does."""
        body = json.dumps(faults).encode()
        url = f"{self.site.inbox_url}/_local/events"
        _http("PUT", url, body, {"Content-Type": "application/json"})

    @property
    def _faults_url(self) -> str:
        return f"{self.site.inbox_url}/_local/faults"

    # What the database says.

    def enrollments(self, *user_ids: str) -> list[Enrollment]:
        """List the enrollments of some contacts, or of all, as they were entered."""
        with self.database.read() as session:
            query = select(Enrollment).order_by(Enrollment.started_at)
            if user_ids:
                found = [queries.find_contact(session, user_id) for user_id in user_ids]
                whose = [contact.id for contact in found if contact is not None]
                query = query.where(Enrollment.contact_id.in_(whose))
            return list(session.scalars(query))

    def enrolled(self, user_id: str, flow: str = "welcome") -> Enrollment:
        """Wait until a contact is enrolled in a flow."""

        def found() -> Enrollment | None:
            rows = self.enrollments(user_id)
            return next((row for row in rows if row.flow == flow), None)

        return eventually(found, f"{user_id} is enrolled in {flow}")

    def ledger(self, enrollment_id: str | None = None) -> list[Message]:
        """List the ledger's rows, of one enrollment or of all."""
        with self.database.read() as session:
            query = select(Message).order_by(Message.claimed_at)
            if enrollment_id is not None:
                query = query.where(Message.enrollment_id == enrollment_id)
            return list(session.scalars(query))

    def count_events(self, name: str) -> int:
        """Count the facts of this name, of everybody."""
        with self.database.read() as session:
            query = select(func.count()).where(ContactEvent.name == name)
            return session.scalar(query) or 0

    def selling(self, *user_ids: str) -> list[Enrollment]:
        """List the enrollments of some contacts in flows that any order ends."""
        return [row for row in self.enrollments(*user_ids) if row.flow in ENDED_BY_AN_ORDER]

    def has_ended(self, *user_ids: str) -> bool:
        """Tell whether these contacts are out of every flow that an order ends.

        What an order begins (its updates, its first year) goes on for long.
        """
        return all(row.ended_at is not None for row in self.selling(*user_ids))

    def shop_now(self) -> datetime:
        """Tell the shop time."""
        return load_settings(self.environ).shop_time().at(datetime.now(UTC))

    # What Temporal says.

    async def temporal(self) -> Client:
        """Connect to Temporal, as a backend with its client would."""
        return await Client.connect(self.site.temporal_address, plugins=[sekvens_plugin()])


@contextmanager
def running_stack(
    folder: Path,
    *,
    day_seconds: float,
    grace_seconds: int = 1800,
    postgresql: bool = False,
    settings: Mapping[str, str] | None = None,
    ses_options: Sequence[str] = (),
    temporal_options: Sequence[str] = (),
) -> Iterator[Stack]:
    """Run every service in a folder for the length of a block.

    With `postgresql` a PostgreSQL is one of them, else the database is SQLite. `settings` go into
    the environment of all (`SENDING__GRACE_SECONDS`); `ses_options` and `temporal_options` are for
    the command lines of these two.
    """
    # A socket's path is short, and its server's user may have to get there.
    cluster = Path(tempfile.mkdtemp(prefix="pg")) if postgresql else None
    site = _site(folder, day_seconds)
    if cluster is not None:
        site = replace(site, database=url_of(cluster))
    environ = site.environ(os.environ)
    environ["TEMPORAL_CONFIG_FILE"] = str(folder / "temporal.toml")
    environ["SEKVENS_SENDING__GRACE_SECONDS"] = str(grace_seconds)
    environ.update(_NO_CALM)
    environ.update({f"SEKVENS_{name}": value for name, value in (settings or {}).items()})
    (folder / "temporal.toml").touch()
    database = Database(load_settings(environ).database.url)
    processes = Processes(environ=environ, logs=folder / "logs", launch=launch_warm)
    stack = Stack(
        site=site,
        environ=environ,
        database=database,
        processes=processes,
        products=read_products(site.api_url),
        ses_options=ses_options,
        temporal_options=temporal_options,
    )
    try:
        if cluster is not None:
            stack.start("postgresql")
        upgrade(database)
        publish_flows(database, SystemClock())
        start_temporal(stack)
        stack.start("local-ses")
        stack.start("worker", "api", "relay")
        yield stack
    finally:
        processes.stop(*(set(processes.process_ids()) - {"postgresql", "temporal", "local-ses"}))
        database.close()
        processes.close()
        if cluster is not None:
            shutil.rmtree(cluster, ignore_errors=True)


def start_temporal(stack: Stack, tries: int = 3) -> None:
    """Start Temporal; it chooses ports of its own, and another program may be quicker."""
    for tries_left in reversed(range(tries)):
        try:
            stack.start("temporal")
        except ServiceStopped:
            stack.stop("temporal")
            if not tries_left:
                raise
        else:
            return


@contextmanager
def logs_on_failure(stack: Stack, request: pytest.FixtureRequest) -> Iterator[None]:
    """Print the ends of all logs when the test fails."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        for path in sorted((stack.site.data / "logs").glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            print(f"--- the end of {path}", *lines, sep="\n")  # noqa: T201  pytest shows it


def end_all(stack: Stack, user_ids: Sequence[str]) -> None:
    """Let everybody order, so that every message that was due has its end in the ledger."""
    stack.post(*[order(user_id, f"order-{user_id}") for user_id in user_ids])
    eventually(lambda: stack.has_ended(*user_ids), "all enrollments are over")


def judge(stack: Stack, *user_ids: str) -> None:
    """Compare what SES took with what the ledger says: nothing twice, nothing lost, nothing open.

    They must be out of every flow that an order ends, so that every message of those has its end.
    """
    over = {row.id for row in stack.selling(*user_ids)}
    rows = {row.id: row for row in stack.ledger() if row.enrollment_id in over}
    taken = Counter(
        mail["tags"]["message_id"]
        for mail in stack.mails(*user_ids)
        if mail["tags"]["flow"] in ENDED_BY_AN_ORDER
    )
    assert set(taken) <= set(rows), "SES has what the ledger does not know"
    for message_id, row in rows.items():
        expected = {MessageState.ACCEPTED: {1}, MessageState.SKIPPED: {0}}[MessageState(row.state)]
        if row.skip_reason == SkipReason.OUTCOME_UNKNOWN:
            expected = {0, 1}  # that is what unknown means: marketing is at most once
        assert taken[message_id] in expected, (row.step_id, row.state, row.skip_reason)


def http_post(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Post to one of the services, and see that it answers 200."""
    _http("POST", url, body, headers)


def http_get(url: str) -> str:
    """Get what one of the services answers, as text."""
    return _http("GET", url).decode()


async def view_of(handle: WorkflowHandle[Any, Any]) -> EnrollmentView:
    """Ask an enrollment where it stands."""
    view: EnrollmentView = await handle.query(names.VIEW_QUERY, result_type=EnrollmentView)
    return view


def address_of(user_id: str) -> str:
    return f"{user_id}@example.com"


def identify(user_id: str, locale: str = "sv", **traits: str) -> dict[str, Any]:
    given = {"email": address_of(user_id), "locale": locale, **traits}
    return {"type": "identify", "userId": user_id, "messageId": _new_id(), "traits": given}


def track(user_id: str, event: str, properties: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "track",
        "userId": user_id,
        "event": event,
        "messageId": _new_id(),
        "properties": properties or {},
    }


def sign_up(user_id: str, locale: str = "sv", **traits: str) -> tuple[dict[str, Any], ...]:
    """Make the events of a contact who asks for our e-mail."""
    return identify(user_id, locale, **traits), track(user_id, "Email Subscribed")


def order(user_id: str, order_id: str) -> dict[str, Any]:
    return track(user_id, "Order Completed", {"order_id": order_id, "total": 459})


#: These tests run at any hour, and would wait for the mornings of quick days.
_NO_CALM = {
    "SEKVENS_SENDING__QUIET_FROM": "00:00",
    "SEKVENS_SENDING__QUIET_UNTIL": "00:00",
    "SEKVENS_SENDING__MARKETING_PER_DAY": "0",
    "SEKVENS_SENDING__MARKETING_PER_WEEK": "0",
}


def _site(folder: Path, day_seconds: float) -> Site:
    fields = ("temporal", "temporal_ui", "api", "inbox", "worker_health", "relay_health")
    return Site(
        ports=Ports(**dict(zip(fields, free_ports(len(fields)), strict=True))),
        data=folder,
        day_seconds=day_seconds,
        origin=SystemClock().now(),
        write_key=services.new_write_key(),
        link_secret=services.new_link_secret(),
    )


def _http(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    assert url.startswith("http://127.0.0.1:")
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310  checked above
        assert answer.status == 200
        content: bytes = answer.read()
        return content


def _new_id() -> str:
    return f"m-{uuid.uuid4()}"
