"""The second door: what SNS posts is committed before it is answered, and nothing else is taken."""

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from sekvens.contacts.tables import Suppression, address_hash
from sekvens.db.base import new_id
from sekvens.db.session import Database
from sekvens.feedback.certificates import NotFetched
from sekvens.feedback.intake import YOUNG
from sekvens.feedback.tables import Feedback
from sekvens.web.sns import BODY_BYTES_MAX, PATH, SnsDoor
from tests.unit.hearing import HearingOffice
from tests.unit.ingesting import NOON
from tests.unit.sending import ADDRESS
from tests.unit.serving import settings
from tests.unit.ses_records import body, bounce
from tests.unit.snsing import HOST, TOPIC, Amazon, changed

SETTINGS = {
    "SEKVENS_FEEDBACK__TOPIC_ARNS": TOPIC,
    "SEKVENS_SES__ENDPOINT_URL": "",
    "SEKVENS_SES__CONFIGURATION_SET": "marketing",
    "SEKVENS_API__PUBLIC_URL": "https://post.shop.example",
}


class Posted:
    """The door, with an office behind it and SNS in front."""

    def __init__(self, office: HearingOffice, folder: Path, **changes: str) -> None:
        self.office, self.amazon = office, Amazon(folder)
        self.door = SnsDoor(
            settings(**(SETTINGS | changes)), office.database, office.clock,
            fetch=self.amazon.fetch,
        )  # fmt: skip
        self.app = FastAPI()
        self.app.include_router(self.door.router())

    async def post(self, content: bytes, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(PATH, content=content, headers=headers)

    def feedback(self) -> list[Feedback]:
        return self.office.feedback()


@pytest.fixture
def posted(sqlite_database: Database, tmp_path: Path) -> Posted:
    return Posted(HearingOffice(sqlite_database), tmp_path)


def said(caplog: pytest.LogCaptureFixture, action: str) -> list[str]:
    return [each.getMessage() for each in caplog.records if getattr(each, "action", "") == action]


async def test_a_report_is_taken_in_and_acted_on_before_it_is_answered(posted: Posted) -> None:
    posted.office.send()
    told = body(posted.office.message().id, bounce(), at=NOON)
    answers = [await posted.post(posted.amazon.post(told, version=each)) for each in ("2", "1")]

    assert [each.status_code for each in answers] == [200, 200]
    (kept,) = posted.feedback()
    assert kept.id == "da41e39f-ea4d-435a-b922-c6aae3915ebe"  # SNS's, as by the queue
    with posted.office.database.read() as session:
        assert session.get(Suppression, address_hash(ADDRESS)) is not None


async def test_a_subscription_of_an_allowed_topic_is_confirmed_and_said(
    posted: Posted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = await posted.post(posted.amazon.question())

    assert answer.status_code == 200
    assert posted.amazon.fetched[-1].startswith(f"{HOST}/?Action=ConfirmSubscription&TopicArn=")
    assert said(caplog, "sns_subscribed") == [
        f"{TOPIC} posts to https://post.shop.example/feedback/sns from now on"
    ]


async def test_an_operator_is_told_once_which_topic_posts_where_and_why_in_vain(
    posted: Posted, caplog: pytest.LogCaptureFixture
) -> None:
    other = TOPIC.replace("ses-feedback", "other")
    for _ in range(3):
        answer = await posted.post(posted.amazon.question(TopicArn=other))

    assert (answer.status_code, posted.amazon.fetched) == (403, [])
    [sentence] = said(caplog, "sns_refused")
    assert sentence.startswith(f"{other} posts to https://post.shop.example/feedback/sns and is")
    assert sentence.endswith("not believed: its topic is not in feedback.topic_arns")


async def test_raw_message_delivery_is_refused_with_a_remedy(
    posted: Posted, caplog: pytest.LogCaptureFixture
) -> None:
    told = body("m-1", bounce(), at=NOON).encode()
    by_header = await posted.post(told, **{"x-amz-sns-rawdelivery": "true"})
    by_content = await posted.post(told)

    assert (by_header.status_code, by_content.status_code) == (400, 400)
    assert "switch it off" in by_header.json()["message"]
    assert "raw message delivery" in by_content.json()["message"]
    assert posted.feedback() == []
    assert ADDRESS not in caplog.text


@pytest.mark.parametrize("topics", ["", TOPIC])
async def test_without_topics_the_door_is_closed(
    sqlite_database: Database, tmp_path: Path, topics: str
) -> None:
    posted = Posted(HearingOffice(sqlite_database), tmp_path, SEKVENS_FEEDBACK__TOPIC_ARNS=topics)
    answer = await posted.post(posted.amazon.post())

    assert answer.status_code == (200 if topics else 403)


async def test_a_forged_report_changes_nothing(posted: Posted) -> None:
    posted.office.send()
    told = body(posted.office.message().id, bounce(), at=NOON)
    answer = await posted.post(changed(posted.amazon.post(), Message=told))

    assert answer.status_code == 403
    assert posted.feedback() == []


async def test_a_certificate_from_elsewhere_is_never_fetched(posted: Posted) -> None:
    elsewhere = posted.amazon.certificate_url.replace("amazonaws.com", "evil.example")
    answer = await posted.post(posted.amazon.post(SigningCertURL=elsewhere))

    assert (answer.status_code, posted.amazon.fetched) == (403, [])


async def test_what_is_too_large_is_not_read(posted: Posted) -> None:
    answer = await posted.post(b"x" * (BODY_BYTES_MAX + 1))

    assert answer.status_code == 413


async def test_a_poison_message_is_kept_answered_and_does_not_come_again(posted: Posted) -> None:
    greeting = "Successfully validated SNS topic for Amazon SES event publishing."
    answer = await posted.post(posted.amazon.post(greeting))

    assert answer.status_code == 200
    assert [each.type for each in posted.feedback()] == ["unreadable"]


async def test_an_outage_asks_for_another_post(
    posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("BEGIN", {}, Exception("gone"))

    def silent(_url: str) -> bytes:
        raise NotFetched("SNS answers 503")

    monkeypatch.setattr(posted.door._taker, "take", away)
    without_database = await posted.post(posted.amazon.post())
    posted.door._verifier._certificates._known.clear()
    posted.amazon.answer = silent
    without_certificate = await posted.post(posted.amazon.post())

    assert (without_database.status_code, without_certificate.status_code) == (503, 503)


async def test_a_report_that_overtakes_our_commit_is_asked_for_again_and_then_kept(
    posted: Posted,
) -> None:
    told = body(new_id("m"), bounce(), at=NOON)
    early = await posted.post(posted.amazon.post(told))
    posted.office.later(YOUNG)
    late = await posted.post(posted.amazon.post(told))

    assert (early.status_code, late.status_code) == (503, 200)
    assert [each.is_ours for each in posted.feedback()] == [False]


async def test_who_is_let_go_is_told_to_the_operator(
    posted: Posted, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await posted.post(posted.amazon.question(Type="UnsubscribeConfirmation"))

    assert answer.status_code == 200
    assert "posts to https://post.shop.example/feedback/sns no more" in caplog.text
    assert not [url for url in posted.amazon.fetched if "Action" in url]
