"""What SNS posts is believed only if it is of an allowed topic, signed by Amazon, and young."""

import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.clock import FrozenClock
from sekvens.feedback.certificates import (
    FETCHES_MAX,
    Certificates,
    NotFetched,
    SnsHosts,
    fetch,
)
from sekvens.feedback.sns import AGE_MAX, AHEAD_MAX, SnsRefused, SnsVerifier, signed_text
from tests.unit.ingesting import NOON
from tests.unit.snsing import HOST, TOKEN, TOPIC, Amazon, changed

OTHER = "arn:aws:sns:eu-north-1:999999999999:evil"
PEM = f"SimpleNotificationService-{'0' * 32}.pem"
#: Where a forger might keep a certificate.
ELSEWHERE = (
    f"http://sns.eu-north-1.amazonaws.com/{PEM}",
    f"https://sns.eu-north-1.amazonaws.com.evil.example/{PEM}",
    f"https://evil.example/sns.eu-north-1.amazonaws.com/{PEM}",
    f"https://sns.eu-north-1.amazonaws.com@evil.example/{PEM}",
    f"https://user:word@sns.eu-north-1.amazonaws.com/{PEM}",
    f"https://sns.eu-north-1.amazonaws.com:8443/{PEM}",
    f"https://s3.eu-north-1.amazonaws.com/{PEM}",
    f"https://sns.evil.s3.amazonaws.com/{PEM}",
    f"https://sns.eu-north-1.amazonaws.com/evil/{PEM}",
    f"https://sns.eu-north-1.amazonaws.com/../{PEM}",
    f"https://sns.eu-north-1.amazonaws.com/{PEM}?x=1",
    f"https://sns.eu-north-1.amazonaws.com/{PEM}#x",
    f"https://sns.eu-north-1.amazonaws.com/{PEM}\n",
    f"https://sns.eu-north-1.amazonaws.com\\@evil.example/{PEM}",
    "http://127.0.0.1:8025/_local/sns/" + PEM,
    "",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signer")


@pytest.fixture
def amazon(folder: Path) -> Amazon:
    return Amazon(folder)


def verifier(amazon: Amazon, clock: FrozenClock | None = None, *, ses: str = "") -> SnsVerifier:
    clock, hosts = clock or FrozenClock(NOON), SnsHosts(ses)
    certificates = Certificates(hosts=hosts, clock=clock, fetch=amazon.fetch)
    return SnsVerifier(topic_arns=(TOPIC,), hosts=hosts, certificates=certificates, clock=clock)


@pytest.mark.parametrize("subject", ["Amazon SES Email Event Notification", None])
@pytest.mark.parametrize("version", ["1", "2"])
def test_a_post_of_an_allowed_topic_is_believed(
    amazon: Amazon, version: str, subject: str | None
) -> None:
    message = verifier(amazon).verify(amazon.post(version=version, Subject=subject))

    assert (message.type, message.topic_arn) == ("Notification", TOPIC)


def test_what_is_signed_is_what_amazon_documents() -> None:
    given = {"Type": "Notification", "MessageId": "i", "TopicArn": "t", "Message": "m",
             "Timestamp": "at", "Signature": "no", "Subject": "s"}  # fmt: skip

    assert signed_text(given) == (
        b"Message\nm\nMessageId\ni\nSubject\ns\nTimestamp\nat\nTopicArn\nt\nType\nNotification\n"
    )


def test_a_certificate_is_fetched_once_until_it_ends(amazon: Amazon) -> None:
    clock = FrozenClock(NOON)
    believes = verifier(amazon, clock)
    for _ in range(300):
        believes.verify(amazon.post())

    assert amazon.fetched == [amazon.certificate_url]


def test_another_topic_is_refused_before_anything_is_fetched(amazon: Amazon) -> None:
    with pytest.raises(SnsRefused, match=r"not in feedback\.topic_arns") as refused:
        verifier(amazon).verify(amazon.post(TopicArn=OTHER))

    assert (refused.value.topic_arn, amazon.fetched) == (OTHER, [])


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_certificate_from_elsewhere_is_refused_and_not_fetched(amazon: Amazon, url: str) -> None:
    with pytest.raises(SnsRefused, match="does not lie at Amazon SNS"):
        verifier(amazon).verify(amazon.post(SigningCertURL=url))

    assert amazon.fetched == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Message": '{"eventType": "Bounce"}'}, "does not fit"),
        ({"MessageId": "another"}, "does not fit"),
        ({"Subject": "another"}, "does not fit"),
        ({"Signature": "bm8="}, "does not fit"),
        ({"Signature": "no base64!"}, "no base64"),
        ({"Signature": 7}, "does not fit"),
        ({"SignatureVersion": "3"}, "version"),
        ({"SignatureVersion": "1"}, "does not fit"),
        ({"MessageId": "x y"}, "no id"),
        ({"Timestamp": "yesterday"}, "no time"),
        ({"Type": "Order"}, "no message of SNS"),
        ({"TopicArn": None}, "not in feedback"),
    ],
    ids=str,
)
def test_what_was_changed_on_the_way_is_refused(
    amazon: Amazon, changes: dict[str, str], says: str
) -> None:
    with pytest.raises(SnsRefused, match=says):
        verifier(amazon).verify(changed(amazon.post(), **changes))


@pytest.mark.parametrize("age", [AGE_MAX + timedelta(seconds=1), -AHEAD_MAX - timedelta(seconds=1)])
def test_what_is_too_old_or_from_the_future_is_refused(amazon: Amazon, age: timedelta) -> None:
    with pytest.raises(SnsRefused, match="older than an hour"):
        verifier(amazon).verify(amazon.post(at=NOON - age))

    assert verifier(amazon).verify(amazon.post(at=NOON - AGE_MAX)).topic_arn == TOPIC


def test_a_subscription_is_confirmed_at_amazon_and_for_its_own_topic_alone(amazon: Amazon) -> None:
    url = f"{HOST}/?Action=ConfirmSubscription&TopicArn={quote(TOPIC)}&Token={TOKEN}"
    elsewhere = (
        url.replace("https", "http"),
        url.replace("amazonaws.com", "amazonaws.com.evil.example"),
        url.replace("//sns", "//user@sns"),
        url.replace(quote(TOPIC), quote(OTHER)),
        url.replace("ConfirmSubscription", "DeleteTopic"),
        url.replace(TOKEN, "0"),
    )

    assert verifier(amazon).verify(amazon.question(SubscribeURL=url)).subscribe_url == url
    for wrong in elsewhere:
        with pytest.raises(SnsRefused, match="asks for a confirmation"):
            verifier(amazon).verify(amazon.question(SubscribeURL=wrong))


def test_a_local_signature_is_believed_beside_a_local_ses_alone(folder: Path) -> None:
    ses = "http://127.0.0.1:8025"
    local = Amazon(folder, url=f"{ses}/_local/sns")

    assert verifier(local, ses=ses).verify(local.post()).topic_arn == TOPIC
    for other in ("", "http://127.0.0.1:8026", "https://email.eu-north-1.amazonaws.com"):
        with pytest.raises(SnsRefused, match="does not lie"):
            verifier(local, ses=other).verify(local.post())
    with pytest.raises(SnsRefused, match="does not lie"):
        verifier(local, ses=ses).verify(Amazon(folder).post())


def test_a_certificate_that_is_over_is_fetched_anew_and_refused(amazon: Amazon) -> None:
    clock = FrozenClock(NOON)
    believes = verifier(amazon, clock)
    believes.verify(amazon.post())
    clock.move(timedelta(days=3651))
    with pytest.raises(SnsRefused, match="not valid now"):
        believes.verify(amazon.post(at=clock.now()))

    assert len(amazon.fetched) == 2


@pytest.mark.parametrize("content", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(amazon: Amazon, content: bytes) -> None:
    amazon.answer = lambda _: content
    with pytest.raises(SnsRefused, match="no certificate"):
        verifier(amazon).verify(amazon.post())


def test_nobody_makes_us_fetch_without_end(amazon: Amazon) -> None:
    clock = FrozenClock(NOON)
    believes = verifier(amazon, clock)

    def forged(number: int) -> bytes:
        name = f"SimpleNotificationService-{number:032x}.pem"
        return changed(amazon.post(), SigningCertURL=f"{HOST}/{name}", Message="forged")

    for number in range(FETCHES_MAX):
        with pytest.raises(SnsRefused):
            believes.verify(forged(number))
    with pytest.raises(NotFetched):
        believes.verify(forged(99))
    clock.move(timedelta(minutes=2))

    assert believes.verify(amazon.post(at=clock.now())).topic_arn == TOPIC


@given(body=st.binary(max_size=60) | st.builds(lambda v: json.dumps(v).encode(), st.recursive(
    st.none() | st.text(max_size=5) | st.integers(),
    lambda kids: st.lists(kids, max_size=2) | st.dictionaries(
        st.sampled_from(["Type", "TopicArn", "Signature", "Timestamp", "x"]), kids, max_size=4),
    max_leaves=6)))  # fmt: skip
def test_whatever_is_posted_is_refused_and_no_error(body: bytes) -> None:
    def nothing(_url: str) -> bytes:
        raise AssertionError("fetched")

    clock, hosts = FrozenClock(NOON), SnsHosts("")
    certificates = Certificates(hosts=hosts, clock=clock, fetch=nothing)
    believes = SnsVerifier(topic_arns=(TOPIC,), hosts=hosts, certificates=certificates, clock=clock)
    with pytest.raises(SnsRefused):
        believes.verify(body)


def test_what_does_not_answer_is_said_to_be_away() -> None:
    with pytest.raises(NotFetched, match="does not answer"):
        fetch("http://127.0.0.1:1/")
