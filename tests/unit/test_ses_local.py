"""The local SES as boto3 sees it: what it takes, what it refuses, what it remembers."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sekvens.clock import FrozenClock, SystemClock
from sekvens.ses.local import LocalSes, LocalSesOptions, running_local_ses
from sekvens.ses.local.account import SendingLimits
from sekvens.ses.local.store import FILE_NAME, read_log
from tests.unit.waiting import PATIENCE

SIMPLE = {
    "Simple": {
        "Subject": {"Data": "Hej på dig"},
        "Body": {"Text": {"Data": "Hej åäö"}, "Html": {"Data": "<p>Hej åäö</p>"}},
        "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://shop.example/u/1>"}],
    }
}
HEAD = b"From: Maja <maja@shop.example>\r\nTo: kund@shop.example\r\nSubject: Hej\r\n"
RAW = HEAD + b"\r\nHej!\r\n"


def boto(local: LocalSes) -> Any:
    return boto3.session.Session().client(
        "sesv2",
        region_name="eu-north-1",
        endpoint_url=local.url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}, proxies={}),
    )


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSes]:
    with running_local_ses(tmp_path_factory.mktemp("ses"), LocalSesOptions(rate=1000)) as local:
        yield local


@pytest.fixture(scope="module")
def ses(local: LocalSes) -> Any:
    return boto(local)


def to(name: str) -> dict[str, list[str]]:
    return {"ToAddresses": [f"{name}@shop.example"]}


def send(ses: Any, **changes: Any) -> str:
    facts: dict[str, Any] = {
        "FromEmailAddress": "maja@shop.example",
        "Destination": {"ToAddresses": ["kund@shop.example"]},
        "Content": {"Raw": {"Data": RAW}},
    }
    return str(ses.send_email(**(facts | changes))["MessageId"])


def test_simple_content_becomes_a_whole_message(ses: Any, local: LocalSes) -> None:
    send(ses, Content=SIMPLE, ReplyToAddresses=["hej@shop.example"])

    message = local.messages()[-1]

    assert (message.subject, message.text.strip()) == ("Hej på dig", "Hej åäö")
    assert message.html.strip() == "<p>Hej åäö</p>"
    assert message.headers["List-Unsubscribe"] == "<https://shop.example/u/1>"
    assert message.headers["Reply-To"] == "hej@shop.example"


def test_recipients_and_sender_are_read_from_a_raw_message_that_stands_alone(
    ses: Any, local: LocalSes
) -> None:
    ses.send_email(Content={"Raw": {"Data": RAW}})

    message = local.messages()[-1]

    assert (message.sender, message.recipient) == ("maja@shop.example", "kund@shop.example")
    assert message.raw == RAW


def test_messages_are_told_over_http_in_the_order_of_acceptance(ses: Any, local: LocalSes) -> None:
    tags = [{"Name": "flow", "Value": "welcome"}, {"Name": "step", "Value": "hello"}]
    first, second = send(ses, EmailTags=tags), send(ses)

    told = httpx.get(f"{local.url}/_local/messages").json()[-2:]
    after = httpx.get(f"{local.url}/_local/messages?after={told[0]['sequence']}").json()

    assert [message["id"] for message in told] == [first, second]
    assert told[0]["tags"] == {"flow": "welcome", "step": "hello"}
    assert told[0]["recipient"] == "kund@shop.example"
    assert told[0]["headers"]["Subject"] == told[0]["subject"] == "Hej"
    assert [message["id"] for message in after] == [second]


LINE = b"X: " + b"y" * 999 + b"\r\n"
MANY = [f"kund{number}@shop.example" for number in range(51)]
BAD = "BadRequestException"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"EmailTags": [{"Name": "två ord", "Value": "x"}]}, "tag name"),
        ({"EmailTags": [{"Name": "flow", "Value": "två"}]}, "tag value"),
        ({"EmailTags": [{"Name": "flow", "Value": "x" * 257}]}, "tag value"),
        ({"EmailTags": [{"Name": "a", "Value": "b"}, {"Name": "a", "Value": "c"}]}, "Duplicate"),
        ({"Destination": {"ToAddresses": MANY}}, "exceeds 50"),
        ({"Destination": {"ToAddresses": ["åsa@shop.example"]}}, "Local address"),
        ({"Destination": {"ToAddresses": ["kund@räksmörgås.example"]}}, "illegal character"),
        ({"Destination": {"ToAddresses": ["kund"]}}, "@domain"),
        ({"Content": {"Raw": {"Data": HEAD + HEAD + b"\r\nHej"}}}, "Duplicate header"),
        ({"Content": {"Raw": {"Data": HEAD + LINE + b"\r\nHej"}}}, "longer than 998"),
        ({"Content": {"Template": {"TemplateName": "x"}}}, "templates"),
        ({"Content": {}}, "Exactly one"),
        ({"Content": {"Simple": {"Subject": {"Data": "x"}, "Body": {}}}}, "At least one"),
        ({"ConfigurationSetName": "två ord"}, "Configuration set"),
    ],
)
def test_what_ses_refuses_is_refused_with_its_own_error(
    ses: Any, local: LocalSes, changes: dict[str, Any], says: str
) -> None:
    before = len(local.messages())

    with pytest.raises(ses.exceptions.BadRequestException) as error:
        send(ses, **changes)

    assert says in error.value.response["Error"]["Message"]
    assert len(local.messages()) == before


@pytest.mark.parametrize(
    "headers",
    [
        [{"Name": f"X-{number}", "Value": "x"} for number in range(16)],
        [{"Name": "X Y", "Value": "x"}],
        [{"Name": "X-Y", "Value": "å"}],
        [{"Name": "X-Y", "Value": "x\r\nBcc: a@b.se"}],
        [{"Name": "X-Y", "Value": "x" * 996}],
    ],
)
def test_headers_of_simple_content_have_ses_limits(ses: Any, headers: list[Any]) -> None:
    simple = SIMPLE["Simple"] | {"Headers": headers}

    with pytest.raises(ses.exceptions.BadRequestException):
        send(ses, Content={"Simple": simple})


def test_a_message_without_a_sender_is_refused(ses: Any) -> None:
    with pytest.raises(ses.exceptions.BadRequestException, match="From"):
        ses.send_email(
            Content={"Raw": {"Data": b"To: kund@shop.example\r\n\r\nHej"}},
            Destination={"ToAddresses": ["kund@shop.example"]},
        )


def test_an_unverified_sender_is_refused_and_subdomains_of_a_verified_one_are_not(
    tmp_path: Path,
) -> None:
    options = LocalSesOptions(identities=frozenset({"shop.example"}))
    with running_local_ses(tmp_path, options) as local:
        ses = boto(local)
        send(ses, FromEmailAddress="Maja <Maja@post.Shop.example>")

        with pytest.raises(ses.exceptions.MessageRejected, match="not verified"):
            send(ses, FromEmailAddress="maja@notshop.example")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"Content": 1}', b'{"EmailTags": [1]}', b'{"Content": {"Raw": []}}'],
)
def test_a_malformed_request_gets_an_answer_of_ses(local: LocalSes, body: bytes) -> None:
    headers = {
        "authorization": "AWS4-HMAC-SHA256 any",
        "x-amz-date": f"{SystemClock().now():%Y%m%dT%H%M%SZ}",
    }

    answer = httpx.post(f"{local.url}/v2/email/outbound-emails", content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] in ("SerializationException", BAD)
    assert "message" in answer.json()


def test_an_old_signature_is_refused_as_the_fence_against_frozen_senders(tmp_path: Path) -> None:
    clock = FrozenClock(SystemClock().now())
    with running_local_ses(tmp_path, clock=clock) as local:
        ses = boto(local)
        send(ses)
        clock.move(timedelta(minutes=6))

        with pytest.raises(ClientError, match="Signature expired"):
            send(ses)

        assert len(local.messages()) == 1


def test_a_signature_that_grew_old_while_half_of_its_request_was_written_is_refused_too(
    tmp_path: Path,
) -> None:
    clock = FrozenClock(SystemClock().now())

    def freeze(request: Any, **_: Any) -> None:
        middle = len(request.body) // 2
        halves = [request.body[middle:], request.body[:middle]]

        class Frozen:
            def read(self, _size: int = -1) -> bytes:
                if len(halves) == 1:
                    time.sleep(0.2)  # the first half has arrived
                    clock.move(timedelta(minutes=6))
                return halves.pop() if halves else b""

        request.body = Frozen()

    with running_local_ses(tmp_path, clock=clock) as local:
        ses = boto(local)
        ses.meta.events.register("before-send.sesv2.SendEmail", freeze)

        with pytest.raises(ClientError, match="Signature expired"):
            send(ses)

        assert local.messages() == []


def test_an_operation_it_does_not_have_says_so(ses: Any) -> None:
    with pytest.raises(ClientError, match="does not have POST /v2/email/list-identities"):
        ses.list_email_identities()


def test_the_sending_rate_is_enforced(tmp_path: Path) -> None:
    with running_local_ses(tmp_path, LocalSesOptions(rate=3)) as local:
        ses = boto(local)
        for _ in range(3):
            send(ses)

        with pytest.raises(ses.exceptions.TooManyRequestsException, match="Maximum sending rate"):
            send(ses)

        assert ses.get_account()["SendQuota"]["MaxSendRate"] == 3
        assert len(local.messages()) == 3


def test_the_rate_lets_a_second_through_each_second() -> None:
    now = 100.0
    limits = SendingLimits(rate=14, day_max=-1, sent=[], monotonic=lambda: now)

    taken = 0
    for _ in range(10_000):
        now += 0.001
        taken += limits.take_from_rate(1)

    assert taken == pytest.approx(14 * 10 + 14, abs=1)


def test_a_rate_below_one_lets_one_through_now_and_then() -> None:
    now = 100.0
    limits = SendingLimits(rate=0.5, day_max=-1, sent=[], monotonic=lambda: now)

    assert [limits.take_from_rate(1), limits.take_from_rate(1)] == [True, False]
    now += 2
    assert limits.take_from_rate(1)


def test_the_days_quota_is_enforced_survives_a_restart_and_ends(tmp_path: Path) -> None:
    clock, options = FrozenClock(SystemClock().now()), LocalSesOptions(day_max=2, rate=100)
    with running_local_ses(tmp_path, options, clock=clock) as local:
        send(boto(local), Destination={"ToAddresses": ["a@shop.example", "b@shop.example"]})
    clock.move(timedelta(minutes=1))
    with running_local_ses(tmp_path, options, clock=clock) as local:
        ses = boto(local)
        with pytest.raises(ses.exceptions.LimitExceededException, match="Daily message quota"):
            send(ses)
        # The simulator is free of the day's quota.
        send(ses, Destination={"ToAddresses": ["success@simulator.amazonses.com"]})

        assert ses.get_account()["SendQuota"]["SentLast24Hours"] == 2
    assert SendingLimits(rate=1, day_max=2, sent=[]).has_day_left(2, now=clock.now())


def test_what_was_sent_a_day_ago_no_longer_counts() -> None:
    clock = FrozenClock(SystemClock().now())
    limits = SendingLimits(rate=1, day_max=2, sent=[(clock.now(), 2)])

    assert not limits.has_day_left(1, now=clock.now() + timedelta(hours=23))
    assert limits.has_day_left(2, now=clock.now() + timedelta(hours=24))


@pytest.mark.parametrize(
    ("recipient", "marked"),
    [
        ("success@simulator.amazonses.com", "simulated success"),
        ("Bounce+tag@simulator.amazonses.com", "simulated bounce"),
        ("complaint@simulator.amazonses.com", "simulated complaint"),
        ("suppressionlist@simulator.amazonses.com", "simulated suppression"),
        ("kund@shop.example", ""),
    ],
)
def test_the_simulators_addresses_are_accepted_and_marked(
    ses: Any, local: LocalSes, recipient: str, marked: str
) -> None:
    send(ses, Destination={"ToAddresses": [recipient]})

    assert local.messages()[-1].marked == marked


def test_a_suppressed_address_is_accepted_and_marked_as_amazon_does(
    ses: Any, local: LocalSes
) -> None:
    ses.put_suppressed_destination(EmailAddress="Spam@shop.example", Reason="COMPLAINT")
    found = ses.get_suppressed_destination(EmailAddress="spam@shop.example")
    listed = ses.list_suppressed_destinations()["SuppressedDestinationSummaries"]
    send(ses, Destination={"ToAddresses": ["spam@shop.example"]})
    ses.delete_suppressed_destination(EmailAddress="spam@shop.example")

    assert found["SuppressedDestination"]["Reason"] == "COMPLAINT"
    assert [each["EmailAddress"] for each in listed] == ["spam@shop.example"]
    assert local.messages()[-1].marked == "suppressed"
    with pytest.raises(ses.exceptions.NotFoundException):
        ses.get_suppressed_destination(EmailAddress="spam@shop.example")


def test_the_log_survives_a_restart_and_goes_on(tmp_path: Path) -> None:
    with running_local_ses(tmp_path) as local:
        first = send(boto(local))
    with running_local_ses(tmp_path) as local:
        second = send(boto(local))

    assert [(each.sequence, each.id) for each in read_log(tmp_path)] == [(1, first), (2, second)]


@pytest.mark.parametrize("change", ["DELETE FROM accepted", "UPDATE accepted SET raw = ''"])
def test_nothing_in_the_log_can_be_changed(tmp_path: Path, change: str) -> None:
    with running_local_ses(tmp_path) as local:
        send(boto(local))

    with (
        closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(change)


def test_faults_are_armed_listed_and_cleared_over_http(ses: Any, local: LocalSes) -> None:
    url = f"{local.url}/_local/faults"
    httpx.post(url, json={"mode": "reject", "count": 2, "recipient": "kund@shop.example"})
    with pytest.raises(ses.exceptions.MessageRejected):
        send(ses)
    armed = httpx.get(url).json()
    httpx.delete(url)

    left = {"mode": "reject", "count": 1, "recipient": "kund@shop.example", "milliseconds": 0}
    assert armed == [left]
    assert httpx.get(url).json() == []
    assert send(ses)


def test_the_account_can_be_changed_while_it_runs(tmp_path: Path) -> None:
    with running_local_ses(tmp_path) as local:
        ses, url = boto(local), f"{local.url}/_local/account"
        told = httpx.put(url, json={"rate": 80, "day_max": 900, "sending_enabled": False}).json()
        paused = ses.get_account()
        with pytest.raises(ses.exceptions.SendingPausedException):
            send(ses)
        httpx.put(url, json={"sending_enabled": True})
        taken = send(ses)
        refused = [httpx.put(url, json=wrong).status_code for wrong in ({"rate": 0}, {"rte": 1})]

    assert told == {"rate": 80, "day_max": 900, "sending_enabled": False}
    assert (paused["SendingEnabled"], paused["SendQuota"]["MaxSendRate"]) == (False, 80)
    assert taken
    assert refused == [400, 400]


def test_a_delayed_message_is_accepted_late_and_holds_up_no_other(
    ses: Any, local: LocalSes
) -> None:
    late = {"mode": "delay", "milliseconds": 600, "recipient": "sen@shop.example"}
    httpx.post(f"{local.url}/_local/faults", json=late)
    begun = threading.Thread(target=send, args=(ses,), kwargs={"Destination": to("sen")})
    begun.start()
    # It has been read once its fault is used up.
    while local.faults.armed():
        time.sleep(0.01)
    send(ses, Destination=to("strax"))
    begun.join()

    assert [each.recipient for each in local.messages()[-2:]] == [
        "strax@shop.example",
        "sen@shop.example",
    ]


@pytest.mark.parametrize(
    "fault",
    [
        '{"mode": "nap"}',
        '{"mode": "hang", "count": 0}',
        '{"mode": "hang", "milliseconds": 5}',
        '{"mode": "delay"}',
        '{"mode": "delay", "milliseconds": -5}',
        "{}",
        "x",
    ],
)
def test_a_fault_that_does_not_exist_is_refused_with_those_that_do(
    local: LocalSes, fault: str
) -> None:
    headers = {"content-type": "application/json"}

    answer = httpx.post(f"{local.url}/_local/faults", content=fault, headers=headers)

    assert answer.status_code == 400
    assert "reset_after_accept" in answer.json()["message"]
    assert local.faults.armed() == []


def test_a_page_elsewhere_can_neither_arm_faults_nor_read_the_inbox(local: LocalSes) -> None:
    form = {"content-type": "text/plain"}
    armed = httpx.post(f"{local.url}/_local/faults", content='{"mode":"hang"}', headers=form)
    rebound = httpx.get(f"{local.url}/_local/messages", headers={"host": "evil.example"})

    assert armed.status_code == 400
    assert rebound.status_code == 400
    assert local.faults.armed() == []


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "sekvens.ses.local", "--data", str(tmp_path), "--rate", "7"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline()
        process.kill()


def test_the_command_says_where_it_listens_and_stops_cleanly_even_while_it_hangs(
    running: tuple[subprocess.Popen[str], str],
) -> None:
    process, ready = running
    url = ready.removeprefix("local SES listening on ").strip()
    httpx.post(f"{url}/_local/faults", json={"mode": "hang"})
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as waiting:
        waiting.sendall(_signed_request())
        assert httpx.get(f"{url}/_local/messages").json() == []
        process.send_signal(signal.SIGTERM)

        assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 0


def test_a_taken_port_gives_one_sentence_and_no_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "sekvens.ses.local", "--port", port]
        ended = subprocess.run(
            [*command, "--data", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert f"port {port}" in ended.stderr


def _signed_request() -> bytes:
    body = json.dumps(
        {
            "FromEmailAddress": "a@b.se",
            "Destination": {"ToAddresses": ["c@d.se"]},
            "Content": {"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}},
        }
    )
    return (
        "POST /v2/email/outbound-emails HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: AWS4-x\r\n"
        f"X-Amz-Date: {SystemClock().now():%Y%m%dT%H%M%SZ}\r\nContent-Length: {len(body)}\r\n"
        f"\r\n{body}"
    ).encode()
