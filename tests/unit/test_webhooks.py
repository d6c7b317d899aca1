"""Webhooks against a real server: signed, patient, and never into a private network."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from sekvens import outward
from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments.wire import CarryOutInput
from sekvens.flows.builder import webhook
from sekvens.flows.codec import to_json
from sekvens.flows.outcomes import Deferred, Done, Parked
from sekvens.sections import WebhookSettings
from sekvens.webhooks import post as posting
from sekvens.webhooks.caller import WebhookCaller
from tests.unit.ingesting import NOON, Shop, identify

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Receiver(BaseHTTPRequestHandler):
    """Answers with the status that it is told, and keeps what it got."""

    status: ClassVar[int] = 200
    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.status)
        self.send_header("location", "http://127.0.0.1:9/")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[type[Receiver]]:
    class Fresh(Receiver):
        got: ClassVar[list[tuple[dict[str, str], bytes]]] = []
        port: ClassVar[int] = 0

    server = HTTPServer(("127.0.0.1", 0), Fresh)
    Fresh.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Fresh
    server.shutdown()
    thread.join()
    server.server_close()


class Office:
    """A contact, and the caller of one webhook named crm."""

    def __init__(self, database: Database, url: str, **settings: Any) -> None:
        shop = Shop(database)
        shop.post(identify("shop-id-7", email="maja.alm@kund.example", firstName="Maja"))
        self.contact_id = shop.contact_id("shop-id-7")
        given = {"url": url, "secret": SECRET, "allow_private": True} | settings
        self.caller = WebhookCaller(
            database=database,
            clock=FrozenClock(NOON),
            webhooks={"crm": WebhookSettings(**given)},
        )

    def call(self, name: str = "crm", *, tried_for: timedelta = timedelta(0)) -> Any:
        order = CarryOutInput(
            enrollment_id="e-1",
            contact_id=self.contact_id,
            flow="letters",
            step=to_json(webhook("tell", name)),
            next_step=None,
            now=NOON + tried_for,
            due_at=NOON,
        )
        return self.caller.call(order, name)


@pytest.fixture
def office(sqlite_database: Database, receiver: Any) -> Office:
    return Office(sqlite_database, f"http://127.0.0.1:{receiver.port}/hook?a=1")


def test_a_call_is_signed_as_standard_webhooks_has_it(office: Office, receiver: Any):
    outcome = office.call()
    [(headers, body)] = receiver.got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()

    assert outcome == Done(text="called crm")
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == "e-1/tell"
    assert int(headers["webhook-timestamp"]) == int(NOON.timestamp())


def test_the_body_names_the_contact_by_ids_alone(office: Office, receiver: Any):
    office.call()
    [(_, body)] = receiver.got
    data = json.loads(body)["data"]

    assert data["user_ids"] == ["shop-id-7"]
    assert data["contact_id"] == office.contact_id
    assert b"maja" not in body.lower()


@pytest.mark.parametrize("status", [500, 503, 408, 429])
def test_a_receiver_in_trouble_is_called_again_in_pauses_that_grow(
    office: Office, receiver: Any, status: int
):
    receiver.status = status
    at_once, later = office.call(), office.call(tried_for=timedelta(minutes=10))

    assert at_once == Deferred(until=NOON + timedelta(seconds=30), reason="webhook")
    assert later == Deferred(until=NOON + timedelta(minutes=20), reason="webhook")


def test_after_a_day_a_person_is_asked(office: Office, receiver: Any):
    receiver.status = 500
    outcome = office.call(tried_for=timedelta(days=1))

    assert isinstance(outcome, Parked)
    assert outcome.code == "webhook"
    assert "letters/tell: the webhook crm has failed for a day" in outcome.reason


@pytest.mark.parametrize("status", [301, 400, 404, 410])
def test_what_no_retry_mends_is_parked_at_once_and_no_redirect_is_followed(
    office: Office, receiver: Any, status: int
):
    receiver.status = status
    outcome = office.call()

    assert isinstance(outcome, Parked)
    assert len(receiver.got) == 1


def test_nobody_at_home_is_tried_again(sqlite_database: Database):
    outcome = Office(sqlite_database, "http://127.0.0.1:1/hook").call()

    assert isinstance(outcome, Deferred)


def test_a_name_that_leads_into_a_private_network_is_not_called(
    sqlite_database: Database, receiver: Any
):
    office = Office(sqlite_database, f"http://localhost:{receiver.port}/hook", allow_private=False)
    outcome = office.call()

    assert isinstance(outcome, Parked)
    assert "private network" in outcome.reason
    assert receiver.got == []


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fd00::1", "::ffff:10.0.0.1"],
)
def test_one_private_address_among_public_ones_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch, address: str
):
    # Patched because no name on this machine leads to both kinds of address.
    found = [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", (address, 443))]
    monkeypatch.setattr(outward.socket, "getaddrinfo", lambda *_args, **_more: found)

    with pytest.raises(posting.Forbidden):
        posting.post("https://crm.example/", headers={}, body=b"", allow_private=False)


def test_a_webhook_that_the_settings_lack_is_parked_with_what_to_add(office: Office):
    outcome = office.call("erp")

    assert isinstance(outcome, Parked)
    assert "[webhooks.erp]" in outcome.reason


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ftp://crm.example", "secret": SECRET},
        {"url": "http://crm.example/hook", "secret": SECRET},
        {"url": "https://crm.example/hook", "secret": "short"},
        {"url": "https://crm.example/hook", "secret": "whsec_" + "x" * 7},
    ],
)
def test_settings_that_could_not_work_or_not_be_trusted_are_refused(settings: dict[str, str]):
    with pytest.raises(ValueError, match="webhook's") as refused:
        WebhookSettings(**settings)

    assert settings["secret"] not in str(refused.value)
