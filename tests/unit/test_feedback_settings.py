"""Settings of feedback: those by which a stream would prove what is not so are refused."""

import math
from datetime import timedelta
from pathlib import Path

import pytest

from sekvens.clock import SystemClock
from sekvens.demo import services
from sekvens.demo.ports import Ports
from sekvens.errors import SettingsError
from sekvens.feedback.queue import SqsQueue
from sekvens.ses.client import SesClient
from sekvens.ses.local import running_local_ses
from sekvens.ses.local.events import EventFaults
from sekvens.ses.local.sqs import QUEUE_PATH
from sekvens.settings import SAMPLE_SHOP, Settings, load_settings

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/ses-feedback"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-feedback"
AMAZON = {
    "SES__ENDPOINT_URL": "",
    "SES__CONFIGURATION_SET": "marketing",
    "FEEDBACK__QUEUE_URL": QUEUE,
}
RAW = b"From: shop@example.com\r\nSubject: Hello\r\n\r\nHello\r\n"


def loaded(**environ: str) -> Settings:
    given = {f"SEKVENS_{name}": value for name, value in environ.items()}
    return load_settings({"SEKVENS_SETTINGS": str(SAMPLE_SHOP)} | given)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"FEEDBACK__QUEUE_URL": "ses-feedback"}, "whole URL"),
        ({"FEEDBACK__QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/"}, "whole URL"),
        ({"SES__ENDPOINT_URL": "http://127.0.0.1:8025"}, "events of one SES"),
        ({"FEEDBACK__QUEUE_URL": "http://127.0.0.1:8025/0/q"}, "events of one SES"),
        ({"SES__CONFIGURATION_SET": ""}, "needs ses.configuration_set"),
        ({"SENDING__GRACE_SECONDS": "1744"}, "with feedback at least 1745 s"),
        ({"FEEDBACK__EVENT_DELAY_SECONDS": "600"}, "with feedback at least 1805 s"),
        ({"SENDING__RESEND_SECONDS": "2999"}, "evidence would come too late"),
        ({"FEEDBACK__VISIBILITY_SECONDS": "136"}, "four times feedback.visibility_seconds"),
        ({"FEEDBACK__WAIT_SECONDS": "21"}, "<= 20"),
        ({"FEEDBACK__DEAD_LETTER_URL": "ses-feedback-dead"}, "feedback.dead_letter_url is"),
        ({"FEEDBACK__DEAD_LETTER_URL": QUEUE}, "it is another queue"),
        ({"FEEDBACK__TOPIC_ARNS": "ses-feedback"}, "an SNS topic is written"),
        ({"FEEDBACK__SOFT_BOUNCES_MAX": "0"}, ">= 1"),
        (
            {
                "FEEDBACK__TOPIC_ARNS": TOPIC,
                "FEEDBACK__QUEUE_URL": "",
                "SES__CONFIGURATION_SET": "",
            },
            "topic_arns needs ses.configuration_set",
        ),
    ],
)
def test_a_stream_that_would_prove_what_is_not_so_is_refused(
    changes: dict[str, str], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        loaded(**(AMAZON | changes))


def test_what_is_long_enough_is_taken() -> None:
    shortest = {"SENDING__GRACE_SECONDS": "1745", "SENDING__RESEND_SECONDS": "2945"}

    assert loaded(**AMAZON, **shortest).feedback.queue_url == QUEUE


def test_a_machine_of_ones_own_may_hurry() -> None:
    url = "http://127.0.0.1:8025"
    settings = loaded(
        SES__ENDPOINT_URL=url, FEEDBACK__QUEUE_URL=f"{url}/0/q", SENDING__GRACE_SECONDS="2"
    )

    assert settings.sending.grace_seconds == 2


def test_the_queues_own_region_is_asked_and_no_keys_go_to_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    local = {"SES__ENDPOINT_URL": "http://127.0.0.1:1", "FEEDBACK__QUEUE_URL": "http://[::1]:1/0/q"}
    amazons, locals_ = SqsQueue(loaded(**AMAZON)), SqsQueue(loaded(**local))

    assert amazons._sqs.meta.region_name == "eu-west-1"
    assert amazons._sqs.meta.endpoint_url == "https://sqs.eu-west-1.amazonaws.com"
    assert locals_._sqs._request_signer._credentials.access_key == "local"
    assert amazons._sqs._request_signer._credentials.access_key == "real"


def test_what_a_dead_reader_had_comes_again_as_soon_as_the_settings_say(tmp_path: Path) -> None:
    with running_local_ses(tmp_path) as local:
        url = {"SES__ENDPOINT_URL": local.url, "FEEDBACK__QUEUE_URL": local.queue_url}
        ours = loaded(**url, FEEDBACK__VISIBILITY_SECONDS="1", FEEDBACK__WAIT_SECONDS="5")
        ses, queue = SesClient(ours.ses), SqsQueue(ours)
        local._store.events.faults = EventFaults(only_send=True)
        ses.send(raw=RAW, sender="shop@example.com", recipient="kim@example.com",
                 tags={"message_id": "m-1"}, deadline=math.inf)  # fmt: skip
        (first,) = queue.receive(wait=timedelta(seconds=1))
        (again,) = queue.receive(wait=timedelta(seconds=5))
        queue.close()
        ses.close()

    assert again.body == first.body


def test_services_on_this_machine_read_the_local_ses(tmp_path: Path) -> None:
    site = services.Site(
        ports=Ports(), data=tmp_path, day_seconds=86400, origin=SystemClock().now(),
        write_key="wk", link_secret="s" * 32,
    )  # fmt: skip
    settings = load_settings(site.environ({"SEKVENS_SETTINGS": str(SAMPLE_SHOP)}))

    assert settings.feedback.queue_url == f"{site.inbox_url}{QUEUE_PATH}"
