"""The local SES's events as boto3 receives them by SQS's protocol."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
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
from sekvens.ses.local.events import EventFaults
from tests.unit.waiting import PATIENCE

ONLY_SEND = EventFaults(only_send=True)
RAW = b"From: Maja <maja@shop.example>\r\nTo: kund@shop.example\r\nSubject: Hej\r\n\r\nHej!\r\n"


def client(kind: str, url: str) -> Any:
    return boto3.session.Session().client(
        kind,
        region_name="eu-north-1",
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}, proxies={}),
    )


class Account:
    """A local SES with both of its sides."""

    def __init__(self, local: LocalSes) -> None:
        self.local = local
        self.ses, self.sqs = client("sesv2", local.url), client("sqs", local.url)

    def send(self, message_id: str = "m-1") -> str:
        answer = self.ses.send_email(
            Destination={"ToAddresses": ["kund@shop.example"]},
            Content={"Raw": {"Data": RAW}},
            EmailTags=[{"Name": "message_id", "Value": message_id}],
            ConfigurationSetName="marketing",
        )
        return str(answer["MessageId"])

    def receive(self, **asked: Any) -> list[dict[str, Any]]:
        given = {"MaxNumberOfMessages": 10, "QueueUrl": self.local.queue_url}
        answer = self.sqs.receive_message(**(given | asked))
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def count(self, name: str = "") -> int:
        attributes = self.sqs.get_queue_attributes(
            QueueUrl=self.local.queue_url, AttributeNames=["All"]
        )["Attributes"]
        return int(attributes[f"ApproximateNumberOfMessages{name}"])


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(SystemClock().now())


@pytest.fixture
def account(tmp_path: Path, clock: FrozenClock) -> Iterator[Account]:
    with running_local_ses(tmp_path, LocalSesOptions(rate=5000), clock=clock) as local:
        local._store.events.faults = ONLY_SEND  # what else is told has a file of its own
        yield Account(local)


def record_in(message: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(json.loads(message["Body"])["Message"])
    return record


def test_an_accepted_message_is_told_as_amazon_tells_it(account: Account) -> None:
    ses_message_id = account.send("m-7")
    (message,) = account.receive()

    wrapped, record = json.loads(message["Body"]), record_in(message)
    assert (wrapped["Type"], wrapped["TopicArn"][:11]) == ("Notification", "arn:aws:sns")
    assert {"MessageId", "Timestamp", "SignatureVersion", "Signature"} <= wrapped.keys()
    assert (record["eventType"], record["send"]) == ("Send", {})
    mail = record["mail"]
    assert (mail["messageId"], mail["tags"]["message_id"]) == (ses_message_id, ["m-7"])
    assert mail["tags"]["ses:configuration-set"] == ["marketing"]
    assert mail["destination"] == mail["commonHeaders"]["to"] == ["kund@shop.example"]
    assert mail["timestamp"].endswith("Z")
    assert {"name": "Subject", "value": "Hej"} in mail["headers"]


def test_raw_delivery_leaves_the_envelope_away(account: Account) -> None:
    httpx.put(f"{account.local.url}/_local/events", json={"raw": True, "only_send": True})
    account.send()
    (message,) = account.receive()

    assert json.loads(message["Body"])["eventType"] == "Send"


def test_a_refused_message_is_not_told(account: Account) -> None:
    account.local.faults.arm("reject")
    with pytest.raises(ClientError):
        account.send()

    assert account.count() == 0


def test_a_message_whose_answer_is_lost_is_told(account: Account) -> None:
    account.local.faults.arm("reset_after_accept")
    with pytest.raises(Exception, match="closed"):
        account.send()

    assert account.count() == 1


def test_what_is_received_is_hidden_until_its_visibility_is_over(
    account: Account, clock: FrozenClock
) -> None:
    account.send()
    (first,) = account.receive(VisibilityTimeout=40)
    hidden, counted = account.receive(), account.count("NotVisible")
    clock.move(timedelta(seconds=41))
    (again,) = account.receive(AttributeNames=["All"])

    assert (hidden, counted) == ([], 1)
    assert first["MessageId"] == again["MessageId"]
    assert first["ReceiptHandle"] != again["ReceiptHandle"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_what_is_deleted_does_not_come_again_and_an_old_receipt_deletes_nothing(
    account: Account, clock: FrozenClock
) -> None:
    url = account.local.queue_url
    account.send()
    old = account.receive()[0]["ReceiptHandle"]
    clock.move(timedelta(minutes=1))
    new = account.receive()[0]["ReceiptHandle"]
    account.sqs.delete_message(QueueUrl=url, ReceiptHandle=old)
    after_old = account.count("NotVisible")
    account.sqs.delete_message(QueueUrl=url, ReceiptHandle=new)

    assert (after_old, account.count("NotVisible")) == (1, 0)
    with pytest.raises(account.sqs.exceptions.ReceiptHandleIsInvalid):
        account.sqs.delete_message(QueueUrl=url, ReceiptHandle="nonsense")


def test_a_batch_is_deleted_and_what_is_wrong_in_it_is_told(account: Account) -> None:
    for number in range(3):
        account.send(f"m-{number}")
    entries = [
        {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
        for number, each in enumerate(account.receive())
    ]
    answer = account.sqs.delete_message_batch(
        QueueUrl=account.local.queue_url,
        Entries=[*entries, {"Id": "x", "ReceiptHandle": "nonsense"}],
    )

    assert [each["Id"] for each in answer["Successful"]] == ["0", "1", "2"]
    assert [each["Id"] for each in answer["Failed"]] == ["x"]
    assert account.count("NotVisible") == 0


def test_a_long_poll_ends_when_something_comes_or_its_time_is_over(account: Account) -> None:
    begun = time.monotonic()
    nothing = account.receive(WaitTimeSeconds=1)
    waited = time.monotonic() - begun
    later = threading.Timer(0.3, account.send)
    later.start()
    begun = time.monotonic()
    something = account.receive(WaitTimeSeconds=20)
    later.join()

    assert (nothing, len(something)) == ([], 1)
    assert waited >= 1
    assert time.monotonic() - begun < 20


def test_faults_lose_double_delay_and_shuffle_events(account: Account, clock: FrozenClock) -> None:
    faults = {"lost": 0.2, "doubled": 0.1, "delayed": 0.5, "delay_seconds": 60, "shuffled": True}
    faults |= {"seed": 7, "only_send": True}
    httpx.put(f"{account.local.url}/_local/events", json=faults)
    for number in range(100):
        account.send(f"m-{number:02}")
    told = httpx.get(f"{account.local.url}/_local/events").json()
    delayed = account.count("Delayed")
    clock.move(timedelta(minutes=1))
    come = [record_in(each) for _ in range(12) for each in account.receive()]

    ids = [record["mail"]["tags"]["message_id"][0] for record in come]
    assert Counter(ids) == Counter({each["message_id"]: each["copies"] for each in told})
    assert 10 <= sum(each["copies"] == 0 for each in told) <= 30
    assert 2 <= sum(each["copies"] == 2 for each in told) <= 20
    assert delayed > 20
    assert ids != sorted(ids)


@pytest.mark.parametrize("wrong", [{"lost": 2}, {"lost": "x"}, {"nap": 1}, {"delay_seconds": -1}])
def test_faults_of_events_that_do_not_exist_are_refused(
    account: Account, wrong: dict[str, Any]
) -> None:
    answer = httpx.put(f"{account.local.url}/_local/events", json=wrong)

    assert answer.status_code == 400
    assert account.local._store.events.faults == ONLY_SEND


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"QueueUrl": "http://127.0.0.1/000000000000/other"}, "QueueDoesNotExist"),
        ({"MaxNumberOfMessages": 11}, "InvalidParameterValue"),
        ({"WaitTimeSeconds": 21}, "InvalidParameterValue"),
    ],
)
def test_what_sqs_refuses_is_refused_with_its_own_error(
    account: Account, asked: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as error:
        account.receive(**asked)

    assert error.value.response["Error"]["Code"] == code


def test_only_signed_requests_are_answered(account: Account) -> None:
    answer = httpx.post(account.local.url, headers={"x-amz-target": "AmazonSQS.GetQueueUrl"})

    assert answer.status_code == 403


def test_events_survive_a_killed_server_and_so_does_what_was_received(tmp_path: Path) -> None:
    for number in range(2):
        command = [sys.executable, "-m", "sekvens.ses.local", "--data", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            account = Account(_At(url))  # type: ignore[arg-type]
            if number == 0:
                httpx.put(f"{url}/_local/events", json={"only_send": True})
                account.send("m-1")
                account.send("m-2")
                account.receive(MaxNumberOfMessages=1, VisibilityTimeout=600)
                os.kill(process.pid, signal.SIGKILL)
            else:
                left = [record_in(each) for each in account.receive()]
                in_flight = account.count("NotVisible")
                process.terminate()

    assert [record["mail"]["tags"]["message_id"] for record in left] == [["m-2"]]
    assert in_flight == 2


class _At:
    """Where a local SES of another process is."""

    def __init__(self, url: str) -> None:
        self.url, self.queue_url = url, f"{url}/000000000000/ses-feedback"


def test_a_server_that_stops_breaks_off_who_waits(tmp_path: Path) -> None:
    local = LocalSes(tmp_path)
    local.start()
    ended: list[object] = []

    def wait() -> None:
        try:
            ended.append(Account(local).receive(WaitTimeSeconds=20))
        except Exception as error:  # noqa: BLE001  whatever boto3 makes of it
            ended.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.5)
    begun = time.monotonic()
    local.stop()
    waiting.join(PATIENCE)

    assert time.monotonic() - begun < 20
    assert len(ended) == 1
