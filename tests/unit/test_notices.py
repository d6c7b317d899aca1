"""Changes of consent and suppression reach the shop's own systems: all, once or again, in order."""

import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sekvens.clock import FrozenClock, SystemClock
from sekvens.contacts.erase import erase
from sekvens.db.session import Database
from sekvens.notices.posting import PAUSE_MAX, PAUSE_MIN, Courier
from sekvens.notices.queries import standings
from sekvens.notices.tables import Notice
from sekvens.sections import WebhookSettings
from tests.unit.ingesting import NOON, Shop, alias, identify, track
from tests.unit.moving_in import ELSA, Mover

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ROOT = Path(__file__).parents[2]


class Tool(BaseHTTPRequestHandler):
    """A newsletter tool: keeps what it takes, and refuses what it is told to."""

    refuses: ClassVar[set[str]] = set()  #: statuses of consent that it answers with 500
    status: ClassVar[int] = 200
    got: ClassVar[list[dict[str, Any]]] = []
    headers_of: ClassVar[list[dict[str, str]]] = []
    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        said = json.loads(body)
        refused = said["data"]["status"] in self.refuses
        self.headers_of.append({name.lower(): value for name, value in self.headers.items()})
        self.bodies.append(body)
        if self.status == 200 and not refused:
            self.got.append(said)
        self.send_response(500 if refused else self.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Office:
    """A shop, its newsletter tool, and the courier between them."""

    def __init__(self, database: Database, tool: type[Tool], url: str) -> None:
        self.database = database
        self.tool = tool
        self.url = url
        self.clock = FrozenClock(NOON)
        self.shop = Shop(database)
        self.shop.post(identify("42", email="elsa@example.com"))
        self.courier = self.hire()

    def hire(self, **settings: Any) -> Courier:
        given = {"url": self.url, "secret": SECRET, "allow_private": True, "consent": True}
        others = settings.pop("others", ())
        hooks = {"letters": WebhookSettings(**(given | settings))}
        if "dead" in others:
            hooks["dead"] = WebhookSettings(**(given | {"url": "http://127.0.0.1:9/"}))
        courier = Courier(database=self.database, clock=self.clock, webhooks=hooks)
        courier.set_up()
        return courier

    async def post_all(self, courier: Courier | None = None, name: str = "letters") -> None:
        while await (courier or self.courier).post_once(name):
            pass

    def told(self) -> list[tuple[str, str, str]]:
        return [
            (said["type"], said["data"]["status"], said["data"]["source"]) for said in self.tool.got
        ]

    def waiting(self) -> int:
        return self.shop.count(Notice)


@pytest.fixture
def tool() -> Iterator[tuple[type[Tool], str]]:
    class Fresh(Tool):
        refuses: ClassVar[set[str]] = set()
        got: ClassVar[list[dict[str, Any]]] = []
        headers_of: ClassVar[list[dict[str, str]]] = []
        bodies: ClassVar[list[bytes]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Fresh)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Fresh, f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def office(sqlite_database: Database, tool: tuple[type[Tool], str]) -> Office:
    return Office(sqlite_database, *tool)


@pytest.fixture
def anywhere(database: Database, tool: tuple[type[Tool], str]) -> Office:
    """An office on both databases, where the database matters."""
    return Office(database, *tool)


async def test_a_change_of_consent_is_told_with_ids_and_no_address(anywhere: Office) -> None:
    anywhere.shop.post(track("Email Subscribed", "42", source="footer"))
    await anywhere.post_all()

    assert anywhere.tool.got == [
        {
            "type": "consent.changed",
            "timestamp": NOON.isoformat(),
            "data": {
                "contact_id": anywhere.shop.contact_id("42"),
                "user_ids": ["42"],
                "purpose": "marketing",
                "status": "subscribed",
                "changed_at": NOON.isoformat(),
                "source": "footer",
            },
        }
    ]
    assert anywhere.waiting() == 0


async def test_it_is_signed_as_standard_webhooks_are(office: Office) -> None:
    office.shop.post(track("Email Subscribed", "42"))
    await office.post_all()

    headers, body = office.tool.headers_of[0], office.tool.bodies[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"


async def test_the_address_goes_along_only_where_the_settings_say_so(office: Office) -> None:
    office.shop.post(track("Email Subscribed", "42"))
    await office.post_all(office.hire(address=True))

    assert office.tool.got[0]["data"]["email"] == "elsa@example.com"


async def test_a_suppression_is_told_for_everybody_who_has_the_address(anywhere: Office) -> None:
    anywhere.shop.post(identify("43", email="elsa@example.com"))
    anywhere.shop.post(track("Contact Suppressed", "42", reason="bounce", source="desk"))
    await anywhere.post_all()

    assert anywhere.told() == [("suppression.changed", "suppressed", "desk")] * 2
    assert {said["data"]["user_ids"][0] for said in anywhere.tool.got} == {"42", "43"}
    assert {said["data"]["reason"] for said in anywhere.tool.got} == {"bounce"}


async def test_the_end_of_an_inactivity_is_told(office: Office) -> None:
    office.shop.post(track("Contact Suppressed", "42", ago=5, reason="inactive"))
    office.shop.post(track("Email Subscribed", "42", source="footer"))
    await office.post_all()

    assert ("suppression.changed", "lifted", "subscribed again") in office.told()


async def test_what_changes_nothing_is_told_to_nobody(office: Office) -> None:
    office.shop.post(track("Email Subscribed", "42", ago=3), track("Unsubscribed", "42", ago=2))
    office.shop.post(track("Unsubscribed", "42"), track("Email Subscribed", "42", ago=9))
    await office.post_all()

    assert [status for _, status, _ in office.told()] == ["subscribed", "unsubscribed"]


async def test_two_who_turn_out_to_be_one_are_told_of_the_stricter_consent(
    anywhere: Office,
) -> None:
    anywhere.shop.post(track("Email Subscribed", "42"), track("Unsubscribed", "43"))
    await anywhere.post_all()
    anywhere.shop.post(alias("43", "42"))
    await anywhere.post_all()

    assert anywhere.told()[2:] == [("consent.changed", "unsubscribed", "merge")]
    assert anywhere.tool.got[2]["data"]["user_ids"] == ["42", "43"]


async def test_an_import_is_told_as_any_other_change(office: Office, tmp_path: Path) -> None:
    Mover(office.database, tmp_path).csv(ELSA)
    await office.post_all()

    assert office.told() == [("consent.changed", "subscribed", "import: Footer form")]


@pytest.mark.parametrize("source", ["klaviyo", "Klaviyo", "klaviyo: Footer"])
async def test_a_tool_is_not_told_what_it_said_itself(office: Office, source: str) -> None:
    courier = office.hire(ignores=("klaviyo",))
    office.shop.post(track("Unsubscribed", "42", source=source, ago=1))
    office.shop.post(track("Email Subscribed", "42", source="klaviyo-like"))
    office.shop.post(track("Contact Suppressed", "42", source=source, reason="bounce"))
    await office.post_all(courier)

    assert office.told() == [("consent.changed", "subscribed", "klaviyo-like")]
    assert office.waiting() == 0


async def test_nothing_is_noted_where_nobody_is_to_be_told(database: Database) -> None:
    shop = Shop(database)
    shop.post(identify("42", email="elsa@example.com"), track("Email Subscribed", "42"))

    assert shop.count(Notice) == 0


async def test_a_contacts_changes_come_in_their_order_whatever_fails(anywhere: Office) -> None:
    anywhere.tool.refuses.add("subscribed")
    anywhere.shop.post(track("Email Subscribed", "42", ago=2))
    anywhere.shop.post(track("Unsubscribed", "42", ago=1))
    anywhere.shop.post(identify("43"), track("Unsubscribed", "43"))
    await anywhere.post_all()
    first = [said["data"]["user_ids"] for said in anywhere.tool.got]
    anywhere.tool.refuses.clear()
    anywhere.clock.move(PAUSE_MIN)
    await anywhere.post_all()

    assert first == [["43"]]
    assert [status for _, status, _ in anywhere.told()[1:]] == ["subscribed", "unsubscribed"]


async def test_a_repeat_has_the_same_id(office: Office) -> None:
    office.tool.status = 503
    office.shop.post(track("Email Subscribed", "42"))
    await office.post_all()
    office.tool.status = 200
    office.clock.move(PAUSE_MIN)
    await office.post_all()

    ids = [headers["webhook-id"] for headers in office.tool.headers_of]
    assert len(ids) == 2
    assert len(set(ids)) == 1


async def test_a_dead_hook_is_left_in_peace_ever_longer_and_loses_nothing(office: Office) -> None:
    office.tool.status = 500
    office.shop.post(track("Email Subscribed", "42"))
    pauses = []
    for _ in range(45):
        await office.post_all()
        with office.database.read() as session:
            due_at = standings(session)[0].due_at
        assert due_at is not None
        pauses.append(due_at - office.clock.now())
        office.clock.move(pauses[-1])
    office.tool.status = 200
    office.clock.move(PAUSE_MAX)
    await office.post_all()

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1], len(office.tool.bodies)) == (PAUSE_MIN, PAUSE_MAX, 46)
    assert (len(office.tool.got), office.waiting()) == (1, 0)


async def test_nobody_waits_for_a_dead_hook(anywhere: Office) -> None:
    courier = anywhere.hire(others=("dead",))
    anywhere.shop.post(track("Email Subscribed", "42"))
    await anywhere.post_all(courier, "dead")
    await anywhere.post_all(courier)

    with anywhere.database.read() as session:
        dead, letters = standings(session)
    assert (dead.waiting, dead.failing_since, letters.waiting) == (1, NOON, 0)
    assert "no connection" in (dead.problem or "")


async def test_one_that_it_cannot_take_keeps_no_other_back(office: Office) -> None:
    office.tool.refuses.add("unsubscribed")
    for user in ("1", "2", "3"):
        office.shop.post(identify(user), track("Unsubscribed", user))
    await office.post_all()
    office.shop.post(track("Email Subscribed", "42"))
    for _ in range(5):
        office.clock.move(timedelta(hours=1))
        await office.post_all()

    assert [status for _, status, _ in office.told()] == ["subscribed"]
    assert office.waiting() == 3


async def test_two_relays_post_nothing_twice(office: Office) -> None:
    for number in range(60):
        office.shop.post(identify(f"u{number}"), track("Unsubscribed", f"u{number}"))
    one, other = office.hire(), office.hire()
    for _ in range(20):
        await one.post_once("letters")
        await other.post_once("letters")

    assert len({said["data"]["contact_id"] for said in office.tool.got}) == 60
    assert len(office.tool.got) == 60


async def test_while_one_relay_posts_another_does_not(anywhere: Office) -> None:
    anywhere.shop.post(track("Email Subscribed", "42"))
    held = anywhere.courier._lease("letters")

    assert len(held) == 1
    assert await anywhere.hire().post_once("letters") == 0
    anywhere.clock.move(timedelta(minutes=3))  # it died
    assert await anywhere.hire().post_once("letters") == 1


async def test_who_is_erased_is_told_by_an_id_and_nothing_else(anywhere: Office) -> None:
    anywhere.shop.post(track("Email Subscribed", "42", source="elsa@example.com's form"))
    with anywhere.database.write() as session:
        erase(session, anywhere.shop.contact_id("42"), now=NOON, now_shop=NOON)
    await anywhere.post_all(anywhere.hire(address=True))

    assert b"elsa" not in b"".join(anywhere.tool.bodies)
    assert [said["data"]["user_ids"] for said in anywhere.tool.got] == [[], []]


def test_a_hook_that_has_left_the_settings_is_forgotten(anywhere: Office) -> None:
    anywhere.shop.post(track("Email Subscribed", "42"))
    Courier(database=anywhere.database, clock=SystemClock(), webhooks={}).set_up()

    assert anywhere.waiting() == 0
    with anywhere.database.read() as session:
        assert standings(session) == []


def test_consent_and_suppression_change_where_they_are_noted_and_nowhere_else() -> None:
    written = re.compile(r"(?<![.\w])(?:Consent|Suppression)\(\s*(?:contact_id|address_hash)=")
    places = {
        str(path.relative_to(ROOT / "sekvens"))
        for path in (ROOT / "sekvens").rglob("*.py")
        if written.search(path.read_text(encoding="utf-8"))
    }

    assert places == {"contacts/consent.py", "contacts/merge.py", "contacts/suppression.py"}
