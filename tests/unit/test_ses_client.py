"""The SES client against a real server over a real socket: what each ending is called."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError

import sekvens.ses.client
from sekvens import fault_points
from sekvens.errors import (
    DispatchTooLate,
    NotSent,
    OutcomeUnknown,
    SekvensError,
    SesPaused,
    SesRejected,
    SesThrottled,
)
from sekvens.sections import SesSettings
from sekvens.ses.client import SesClient, failure_of, scrubbed
from sekvens.ses.local import LocalSes, LocalSesOptions, running_local_ses
from sekvens.ses.mime import Mail, assemble
from tests.unit.waiting import PATIENCE

SENDER, RECIPIENT = "maja@hallgrensylle.example", "kund@shop.example"
RAW = assemble(
    Mail(
        sender_name="Maja på Hallgrens Ylle",
        sender_address=SENDER,
        recipient=RECIPIENT,
        subject="Dina strumpor saknar dig",
        text="Hej!",
        html="<p>Hej!</p>",
    )
)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSes]:
    with running_local_ses(tmp_path_factory.mktemp("ses"), LocalSesOptions(rate=1000)) as local:
        yield local


@pytest.fixture
def client(local: LocalSes, monkeypatch: pytest.MonkeyPatch) -> Iterator[SesClient]:
    # A hanging server is waited for five seconds; less is enough to learn the same.
    monkeypatch.setattr(sekvens.ses.client, "READ_TIMEOUT_SECONDS", 1.5)
    local.faults.clear()
    client = SesClient(SesSettings(endpoint_url=local.url, configuration_set="sekvens"))
    yield client
    client.close()


def send(client: SesClient, **changes: Any) -> str:
    facts: dict[str, Any] = {
        "raw": RAW,
        "sender": SENDER,
        "recipient": RECIPIENT,
        "tags": {"message_id": "0a1b", "flow": "welcome", "step": "hello"},
        "deadline": time.monotonic() + 5,
    }
    return client.send(**(facts | changes))


def failure(client: SesClient, **changes: Any) -> SekvensError:
    with pytest.raises(SekvensError) as caught:
        send(client, **changes)
    return caught.value


@contextmanager
def counting_server(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads each request whole, counts it, writes `answer` and hangs up."""
    requests: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                read = b""
                while b"\r\n\r\n" not in read:
                    read += connection.recv(65536)
                head, _, body = read.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                while len(body) < length:
                    body += connection.recv(65536)
                requests.append(body)
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", requests
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def test_an_accepted_message_is_in_the_log_under_the_id_that_send_returned(
    client: SesClient, local: LocalSes
) -> None:
    ses_message_id = send(client)

    message = local.messages()[-1]

    assert message.id == ses_message_id
    assert (message.recipient, message.sender, message.raw) == (RECIPIENT, SENDER, RAW)
    assert message.tags == {"message_id": "0a1b", "flow": "welcome", "step": "hello"}
    assert message.configuration_set == "sekvens"
    assert message.from_header == "Maja på Hallgrens Ylle <maja@hallgrensylle.example>"


@pytest.mark.parametrize(
    ("mode", "expected", "is_accepted"),
    [
        ("throttle", SesThrottled, False),
        ("reject", SesRejected, False),
        ("pause", SesPaused, False),
        ("suspend", SesPaused, False),
        ("credentials", SesPaused, False),
        ("unavailable", NotSent, False),
        ("hang", OutcomeUnknown, False),
        ("reset_before_accept", OutcomeUnknown, False),
        ("error_after_accept", OutcomeUnknown, True),
        ("hang_after_accept", OutcomeUnknown, True),
        ("reset_after_accept", OutcomeUnknown, True),
        ("truncate", OutcomeUnknown, True),
    ],
)
def test_each_fault_has_its_name_and_is_met_by_exactly_one_request(
    client: SesClient,
    local: LocalSes,
    mode: str,
    expected: type[SekvensError],
    is_accepted: bool,  # noqa: FBT001
) -> None:
    before = len(local.messages())
    local.faults.arm(mode)

    error = failure(client)
    accepted = len(local.messages()) - before

    assert type(error) is expected
    assert accepted == is_accepted
    assert local.faults.armed() == []


def test_a_fault_for_one_recipient_leaves_others_alone(client: SesClient, local: LocalSes) -> None:
    local.faults.arm("throttle", count=None, recipient="annan@shop.example")

    assert send(client)
    assert isinstance(failure(client, recipient="Annan@shop.example"), SesThrottled)
    assert isinstance(failure(client, recipient="annan@shop.example"), SesThrottled)


@pytest.mark.parametrize("status", ["500 Internal Server Error", "503 Slow Down", "429 Too Many"])
def test_one_send_is_one_request_whatever_the_answer(status: str) -> None:
    answer = f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()
    with counting_server(answer) as (url, requests):
        failure(SesClient(SesSettings(endpoint_url=url)))

    assert len(requests) == 1


def test_one_send_is_one_request_when_the_connection_breaks() -> None:
    with counting_server(b"") as (url, requests):
        error = failure(SesClient(SesSettings(endpoint_url=url)))

    assert isinstance(error, OutcomeUnknown)
    assert len(requests) == 1


def test_without_our_configuration_boto3_would_send_several_times() -> None:
    """The alarm rings: this is what the two tests above keep out."""
    with counting_server(b"") as (url, requests):
        careless = boto3.session.Session().client(
            "sesv2",
            region_name="eu-north-1",
            endpoint_url=url,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(proxies={}),
        )
        with pytest.raises(Exception, match="closed"):
            careless.send_email(Content={"Raw": {"Data": RAW}})

    assert len(requests) > 1


def test_a_200_without_a_message_id_is_no_success() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    with counting_server(answer) as (url, _):
        error = failure(SesClient(SesSettings(endpoint_url=url)))

    assert isinstance(error, OutcomeUnknown)


def test_a_server_that_is_not_there_has_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

    assert type(failure(SesClient(SesSettings(endpoint_url=url)))) is NotSent


def test_a_call_past_its_deadline_writes_nothing(client: SesClient, local: LocalSes) -> None:
    before = len(local.messages())

    error = failure(client, deadline=time.monotonic() - 0.001)

    assert isinstance(error, DispatchTooLate)
    assert len(local.messages()) == before


def test_a_worker_that_freezes_after_signing_writes_nothing(
    client: SesClient, local: LocalSes
) -> None:
    before = len(local.messages())
    # Between the signature and the deadline hook: the last moment at which freezing is possible.
    client._ses.meta.events.register_first(
        "before-send.sesv2.SendEmail", lambda **_: time.sleep(0.3)
    )

    error = failure(client, deadline=time.monotonic() + 0.2)

    assert isinstance(error, DispatchTooLate)
    assert len(local.messages()) == before


def test_a_request_can_be_held_up_half_written_and_arrives_whole(
    client: SesClient, local: LocalSes
) -> None:
    fault_points.switch_on({fault_points.VARIABLE: "request_half_written=hang:0.2"})
    began = time.monotonic()
    try:
        accepted = send(client)
    finally:
        fault_points.switch_on({})

    assert time.monotonic() - began >= 0.2
    assert local.messages()[-1].id == accepted


def test_threads_that_share_the_client_have_their_own_deadlines(client: SesClient) -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE)

    def meet(**_: Any) -> None:
        meeting.wait()  # both have set their deadline before either's is looked at

    client._ses.meta.events.register_first("before-send.sesv2.SendEmail", meet)

    def is_refused(seconds_left: float) -> bool:
        try:
            send(client, deadline=time.monotonic() + seconds_left)
        except DispatchTooLate:
            return True
        return False

    with ThreadPoolExecutor(2) as threads:
        late, in_time = threads.map(is_refused, [-1, 10])

    assert (late, in_time) == (True, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "a@b.se, c@d.se"},
        {"recipient": "Kund <kund@shop.example>"},
        {"recipient": "åsa@shop.example"},
        {"recipient": "kund@räksmörgås.example"},
        {"recipient": "kund@shop.example\nBcc: a@b.se"},
        {"recipient": ""},
        {"sender": "annan@shop.example"},
        {"tags": {"flow": "två ord"}},
        {"tags": {"flow": ""}},
        {"tags": {"flow": "x" * 257}},
        {"tags": {"ses:flow": "welcome"}},
    ],
)
def test_what_botocore_lets_through_is_refused_here(
    client: SesClient, local: LocalSes, changes: dict[str, Any]
) -> None:
    before = len(local.messages())

    error = failure(client, **changes)

    assert type(error) is SesRejected
    assert len(local.messages()) == before


def test_the_two_tags_for_feedback_ids_are_taken(client: SesClient) -> None:
    assert send(client, tags={"ses:feedback-id-a": "welcome", "ses:feedback-id-b": "hello"})


def test_no_error_holds_an_address_nor_leads_to_one(tmp_path: Path) -> None:
    options = LocalSesOptions(identities=frozenset({"annan.example"}))
    with running_local_ses(tmp_path, options) as local:
        error = failure(SesClient(SesSettings(endpoint_url=local.url)))

    assert isinstance(error, SesPaused)
    assert "@" not in str(error)
    assert "(address)" in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_addresses_of_every_form_are_scrubbed() -> None:
    said = scrubbed('Not verified: <a.b+c@d.se>, "kund@räk.example"; X@Y.')

    assert "@" not in said
    assert said.startswith("Not verified: <(address)>")


def test_quota_tells_what_the_account_may_do(tmp_path: Path) -> None:
    with running_local_ses(tmp_path, LocalSesOptions(rate=7.5, day_max=200)) as local:
        client = SesClient(SesSettings(endpoint_url=local.url))
        send(client)

        quota = client.quota()

    assert (quota.send_rate_max, quota.day_max, quota.sent_last_day) == (7.5, 200, 1)
    assert quota.sending_enabled
    assert quota.production_access


def test_a_quota_that_cannot_be_read_is_no_unknown_outcome() -> None:
    answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    with counting_server(answer) as (url, _), pytest.raises(SekvensError) as caught:
        SesClient(SesSettings(endpoint_url=url)).quota()

    assert type(caught.value) is NotSent


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("CERTIFICATE_VERIFY_FAILED", NotSent), ("UNEXPECTED_EOF_WHILE_READING", OutcomeUnknown)],
)
def test_only_a_failed_handshake_proves_that_nothing_was_sent(
    reason: str, expected: type[SekvensError]
) -> None:
    inner = ssl.SSLError(1, "…")
    inner.reason = reason

    assert type(failure_of(SSLError(endpoint_url="https://x", error=OSError(inner)))) is expected


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (400, "LimitExceededException", "Daily message quota exceeded.", SesThrottled),
        (400, "ThrottlingException", "Maximum sending rate exceeded.", SesThrottled),
        (400, "AccountSuspendedException", "", SesPaused),
        (404, "NotFoundException", "Configuration set <x> does not exist.", SesPaused),
        (404, "404", "Not Found", SesPaused),
        (403, "ExpiredTokenException", "", SesPaused),
        (403, "SignatureDoesNotMatch", "Signature expired: 2026…", NotSent),
        (400, "RequestExpired", "", NotSent),
        (400, "MessageRejected", "Email address is not verified.", SesPaused),
        (400, "MessageRejected", "Address blocked", SesRejected),
        (413, "413", "", SesRejected),
        (500, "InternalFailure", "", OutcomeUnknown),
        (503, "503", "", OutcomeUnknown),
        (503, "ServiceUnavailable", "", NotSent),
        (408, "RequestTimeout", "", OutcomeUnknown),
    ],
)
def test_every_answer_of_ses_has_one_name(
    status: int, code: str, message: str, expected: type[SekvensError]
) -> None:
    error = sekvens.ses.client.boto.ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },  # type: ignore[typeddict-item]
        "SendEmail",
    )

    assert type(failure_of(error)) is expected
