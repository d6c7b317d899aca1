"""The queue as Amazon has it, played by moto: SNS into SQS, both envelopes, and dead letters.

https://docs.getmoto.org/en/latest/
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest
from click.testing import CliRunner
from moto import mock_aws

from sekvens.contacts.tables import Suppression, address_hash
from sekvens.db.session import Database
from sekvens.feedback import taking
from sekvens.feedback.poller import FeedbackPoller
from sekvens.feedback.queue import SqsQueue, depth
from sekvens.flows.shop_time import ShopTime
from sekvens.settings import Settings
from starter import main
from tests.unit.hearing import HearingOffice
from tests.unit.ingesting import NOON
from tests.unit.sending import ADDRESS
from tests.unit.ses_records import PUBLISHED, body, bounce, published
from tests.unit.test_feedback_settings import AMAZON, loaded

REGION = "eu-west-1"
RECEIVES_MAX = 3


class Account:
    """An AWS account with a topic, a queue subscribed to it, and a queue for dead letters."""

    def __init__(self, *, raw: bool = False) -> None:
        self.sns = boto3.client("sns", region_name=REGION)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.topic = self.sns.create_topic(Name="ses-feedback")["TopicArn"]
        self.dead_url = self.sqs.create_queue(QueueName="ses-feedback-dead")["QueueUrl"]
        policy = {"deadLetterTargetArn": self.arn(self.dead_url), "maxReceiveCount": RECEIVES_MAX}
        self.url = self.sqs.create_queue(
            QueueName="ses-feedback", Attributes={"RedrivePolicy": json.dumps(policy)}
        )["QueueUrl"]
        self.sns.subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=self.arn(self.url),
            Attributes={"RawMessageDelivery": str(raw).lower()},
        )  # fmt: skip

    def arn(self, url: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    def settings(self, **feedback: Any) -> Settings:
        made = loaded(**AMAZON)
        given = {"queue_url": self.url, "dead_letter_url": self.dead_url, "wait_seconds": 1}
        return msgspec.structs.replace(
            made, feedback=msgspec.structs.replace(made.feedback, **(given | feedback))
        )


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


def poller(office: HearingOffice, settings: Settings) -> FeedbackPoller:
    return FeedbackPoller(
        database=office.database, queue=SqsQueue(settings), clock=office.clock,
        shop_time=ShopTime(), feedback=settings.feedback,
    )  # fmt: skip


@pytest.mark.parametrize("raw", [False, True])
def test_every_type_comes_through_sns_and_sqs_and_a_bounce_suppresses(
    sqlite_database: Database,
    raw: bool,  # noqa: FBT001
) -> None:
    office, account = HearingOffice(sqlite_database), Account(raw=raw)
    office.send()
    told = body(office.message().id, bounce(), at=NOON)
    for each in (*map(published, PUBLISHED), told):
        account.sns.publish(TopicArn=account.topic, Message=each)
    reads = poller(office, account.settings())
    while reads.poll_once():
        pass

    assert {each.type for each in office.feedback()} == {*PUBLISHED}
    assert len(office.feedback()) == len(PUBLISHED) + 1
    assert depth(account.settings(), account.url) == 0
    with office.database.read() as session:
        assert session.get(Suppression, address_hash(ADDRESS)) is not None


def test_what_we_have_a_fault_with_ends_among_the_dead_letters_and_blocks_nobody(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, account, take_in = HearingOffice(sqlite_database), Account(), taking.take_in

    def faulty(session: Any, reports: Any, **how: Any) -> Any:
        if any(report.type == "Reject" for report in reports):
            raise RuntimeError
        return take_in(session, reports, **how)

    monkeypatch.setattr(taking, "take_in", faulty)
    settings = account.settings(visibility_seconds=1)
    for each in ("Reject", "Send"):
        account.sns.publish(TopicArn=account.topic, Message=published(each))
    reads = poller(office, settings)
    for _ in range(RECEIVES_MAX + 1):
        reads.poll_once()
        time.sleep(1.1)

    assert [each.type for each in office.feedback()] == ["Send"]
    assert (depth(settings, account.url), depth(settings, account.dead_url)) == (0, 1)


def test_status_says_how_many_dead_letters_there_are_or_that_it_cannot_tell(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account()
    account.sqs.send_message(QueueUrl=account.dead_url, MessageBody="x")
    given = {
        "SEKVENS_DATABASE__URL": sqlite_database.engine.url.render_as_string(),
        "SEKVENS_SES__CONFIGURATION_SET": "marketing",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    said = []
    for url in ("", account.dead_url, account.dead_url.replace("-dead", "-gone")):
        monkeypatch.setenv("SEKVENS_FEEDBACK__DEAD_LETTER_URL", url)
        said.append(" ".join(CliRunner().invoke(main, ["status"]).output.split()))

    assert "dead-letter" not in said[0]
    assert "1 reports lie in the dead-letter queue: mend what" in said[1]
    assert "The dead-letter queue does not answer: " in said[2]
