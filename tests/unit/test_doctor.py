"""The doctor: one thing is broken at a time, and its check says so, and what to do."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from sekvens.clock import FrozenClock
from sekvens.doctor.examine import CHECKS, Check, examine
from sekvens.doctor.findings import CouldNotBeAsked, Level, ok
from tests.unit.examining import (
    TOPIC,
    FakeAws,
    FakeNames,
    destination,
    looked,
    our_settings,
    policy,
    set_up,
    temporal,
)
from tests.unit.ingesting import NOON
from tests.unit.waiting import PATIENCE

OUTSIDE = [check for check in CHECKS if check.area not in {"database", "message"}]


def account(**changes: Any) -> FakeAws:
    aws = FakeAws()
    assert aws.told_account is not None
    return FakeAws(told_account=aws.told_account | changes)


def queue(**changes: str) -> FakeAws:
    aws = FakeAws()
    assert aws.told_queue is not None
    return FakeAws(told_queue={k: v for k, v in (aws.told_queue | changes).items() if v})


def identity(**changes: Any) -> FakeAws:
    aws = FakeAws()
    assert aws.told_identity is not None
    return FakeAws(told_identity=aws.told_identity | changes)


def test_a_set_up_in_order_has_no_fault_and_no_warning() -> None:
    found = examine(set_up(), OUTSIDE)

    assert [f"{check.name}: {f.what}" for check, f in found if f.level != Level.OK] == []
    assert len(found) == len(OUTSIDE)


FAULT, WARNING, OK = Level.FAULT, Level.WARNING, Level.OK
AWS: list[tuple[str, FakeAws, Level, str]] = [
    ("SES: reachable", FakeAws(told_account=None), FAULT, "may not"),
    ("SES: access", account(ProductionAccessEnabled=False), FAULT, "sandbox"),
    ("SES: access", account(SendingEnabled=False), FAULT, "takes nothing"),
    ("SES: access", account(EnforcementStatus="PROBATION"), WARNING, "PROBATION"),
    ("SES: access", account(EnforcementStatus="SHUTDOWN", SendingEnabled=False), FAULT, "nothing"),
    ("SES: quota", account(SendQuota={"Max24HourSend": 200.0, "MaxSendRate": 1.0,
                                      "SentLast24Hours": 190.0}), WARNING, "190 of 200"),
    ("SES: quota", account(SendQuota={"Max24HourSend": -1.0, "MaxSendRate": 1.0}), OK, "without"),
    ("SES: suppression list", account(SuppressionAttributes={"SuppressedReasons": ["BOUNCE"]}),
     WARNING, "COMPLAINT"),
    ("SES: suppression list", account(SuppressionAttributes=None), WARNING, "BOUNCE, COMPLAINT"),
    ("SES: identity", FakeAws(told_identity=None), FAULT, "no identity"),
    ("SES: identity", identity(VerifiedForSendingStatus=False), FAULT, "not verified"),
    ("SES: DKIM", identity(DkimAttributes={"SigningEnabled": False}), FAULT, "switched off"),
    ("SES: DKIM", identity(DkimAttributes={"SigningEnabled": True, "Status": "PENDING"}), FAULT,
     "PENDING"),
    ("SES: MAIL FROM", identity(MailFromAttributes={}), WARNING, "no MAIL FROM"),
    ("SES: MAIL FROM", identity(MailFromAttributes={
        "MailFromDomain": "b.ourshop.se", "MailFromDomainStatus": "FAILED"}), WARNING, "FAILED"),
    ("events: destination", FakeAws(told_destinations=None), FAULT, "no configuration set"),
    ("events: destination", FakeAws(told_destinations=[]), FAULT, "SEND"),
    ("events: destination", FakeAws(told_destinations=[destination(Enabled=False)]), FAULT, "SEND"),
    ("events: destination", FakeAws(told_destinations=[destination("BOUNCE")]), FAULT, "SEND"),
    ("events: destination", FakeAws(told_destinations=[destination("SEND", "BOUNCE")]), WARNING,
     "DELIVERY, COMPLAINT, REJECT, DELIVERY_DELAY, RENDERING_FAILURE"),
    ("events: destination", FakeAws(told_destinations=[destination(SnsDestination=None)]), FAULT,
     "SNS"),
    ("events: queue", FakeAws(told_queue=None), FAULT, "cannot be reached"),
    ("events: queue", queue(ApproximateNumberOfMessages="20000"), WARNING, "20,000"),
    ("events: queue policy", queue(Policy=""), FAULT, "no SNS topic"),
    ("events: queue policy", queue(Policy="{"), FAULT, "cannot be read"),
    ("events: queue policy", queue(Policy='["x"]'), FAULT, "cannot be read"),
    ("events: queue policy", queue(Policy=policy("arn:aws:sns:eu-north-1:1:other")), FAULT,
     "another topic"),
    ("events: queue policy", queue(Policy=policy(Condition={})), WARNING, "any SNS topic"),
    ("events: queue policy", queue(Policy=policy(TOPIC, Effect="Deny")), FAULT, "no SNS topic"),
    ("events: queue policy", queue(Policy=policy(TOPIC, Action="sqs:ReceiveMessage")), FAULT,
     "no SNS topic"),
    ("events: queue policy", queue(Policy=policy("arn:aws:sns:*:123456789012:*")), OK, "may send"),
    ("events: queue policy", queue(Policy=policy(TOPIC, Action=["SQS:*"], Principal="*")), OK,
     "may send"),
    ("events: dead letters", queue(RedrivePolicy=""), WARNING, "no dead-letter"),
    ("events: dead letters", queue(RedrivePolicy="{}"), FAULT, "cannot be read"),
    ("events: dead letters", queue(RedrivePolicy='{"maxReceiveCount": 3}'), WARNING, "3 receives"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "aws", "level", "said"), AWS)
def test_what_is_broken_at_amazon_is_told(
    check: str, aws: FakeAws, level: Level, said: str
) -> None:
    finding = looked(check, set_up(aws=aws))

    assert finding is not None
    assert (finding.level, said in finding.what) == (level, True), finding.what
    assert bool(finding.to_do) == (level is not Level.OK)


def spf(*texts: str) -> FakeNames:
    return FakeNames({"bounce.ourshop.se": list(texts)})


def dmarc(*texts: str, at: str = "_dmarc.ourshop.se") -> FakeNames:
    return FakeNames({at: list(texts)})


NAMES: list[tuple[str, FakeNames, Level, str]] = [
    ("names: SPF", spf(), WARNING, "no SPF"),
    ("names: SPF", spf("v=spf10 include:amazonses.com"), WARNING, "no SPF"),
    ("names: SPF", spf("v=spf1 include:other.example -all"), WARNING, "does not name Amazon"),
    ("names: SPF", spf("v=spf1 a", "V=SPF1 b"), FAULT, "2 SPF records"),
    ("names: SPF", FakeNames(None), WARNING, "could not be asked"),
    ("names: DMARC", dmarc(), FAULT, "no DMARC"),
    ("names: DMARC", dmarc("v=DMARC1; rua=mailto:a@b.se"), FAULT, "no policy"),
    ("names: DMARC", dmarc("v=DMARC1; p=reject"), WARNING, "nobody gets its reports"),
    ("names: DMARC", dmarc("v=DMARC1;p=none;", "v=DMARC1;p=none"), FAULT, "2 DMARC"),
    ("names: DMARC", dmarc("v=DMARC1; p=none; rua=x", at="_dmarc.se"), FAULT, "no DMARC"),
    ("names: DMARC", FakeNames(None), WARNING, "could not be asked"),
]


@pytest.mark.parametrize(("check", "names", "level", "said"), NAMES)
def test_what_is_broken_in_the_names_is_told(
    check: str, names: FakeNames, level: Level, said: str
) -> None:
    finding = looked(check, set_up(names=names))

    assert finding is not None
    assert (finding.level, said in finding.what) == (level, True), finding.what


def away() -> Any:
    raise CouldNotBeAsked("Temporal does not answer")


@pytest.mark.parametrize(
    ("check", "told", "level"),
    [
        ("Temporal: reachable", away, FAULT),
        ("Temporal: search attributes", away, WARNING),
        ("Temporal: reachable", lambda: temporal(is_registered=False), FAULT),
        ("Temporal: search attributes", lambda: temporal(search_attributes=frozenset()), FAULT),
        ("Temporal: retention", lambda: temporal(retention_days=1), WARNING),
    ],
)
def test_what_is_broken_at_temporal_is_told(check: str, told: Any, level: Level) -> None:
    finding = looked(check, set_up(temporal=told))

    assert finding is not None
    assert finding.level == level


LOCAL = {"SEKVENS_SES__ENDPOINT_URL": "http://127.0.0.1:1", "SEKVENS_FEEDBACK__QUEUE_URL": ""}
SETTINGS: list[tuple[str, dict[str, str], Level]] = [
    ("settings: public address", {"SEKVENS_API__PUBLIC_URL": "http://post.ourshop.se"}, FAULT),
    ("settings: public address", {"SEKVENS_API__PUBLIC_URL": "https://localhost"}, FAULT),
    ("settings: public address", {"SEKVENS_API__PUBLIC_URL": "nonsense"}, FAULT),
    ("settings: public address", {"SEKVENS_API__PUBLIC_URL": "http://x.se",
                                  "SEKVENS_SENDING__PRODUCTION": "false"}, WARNING),
    ("settings: link secret", {"SEKVENS_API__LINK_SECRET": ""}, FAULT),
    ("settings: link secret", {"SEKVENS_API__LINK_SECRET": "sh0rt"}, FAULT),
    ("settings: write keys", {"SEKVENS_API__WRITE_KEYS": ""}, WARNING),
    ("settings: who is mailed", LOCAL, WARNING),
    ("settings: who is mailed", {"SEKVENS_SENDING__PRODUCTION": "false",
                                 "SEKVENS_SENDING__ALLOW_LIST": ""}, WARNING),
    ("settings: who is mailed", {"SEKVENS_SENDING__PRODUCTION": "false"}, WARNING),
    ("settings: shop time", {"SEKVENS_CLOCK__DAY_SECONDS": "2"}, FAULT),
    ("settings: shop time", {"SEKVENS_CLOCK__DAY_SECONDS": "2", **LOCAL,
                             "SEKVENS_CLOCK__ORIGIN": "2026-03-01T00:00:00Z"}, WARNING),
    ("events: destination", {"SEKVENS_SES__CONFIGURATION_SET": "",
                             "SEKVENS_FEEDBACK__QUEUE_URL": ""}, WARNING),
    ("events: queue", {"SEKVENS_FEEDBACK__QUEUE_URL": ""}, WARNING),
]  # fmt: skip


@pytest.mark.parametrize(("check", "given", "level"), SETTINGS)
def test_what_is_not_sensible_in_the_settings_is_told(
    check: str, given: dict[str, str], level: Level
) -> None:
    finding = looked(check, set_up(settings=our_settings(**given)))

    assert finding is not None
    assert (finding.level, bool(finding.to_do)) == (level, True)
    assert "sh0rt" not in finding.what


def test_mail_of_the_sample_shop_in_production_is_a_fault() -> None:
    finding = looked("settings: shop", set_up(is_sample=True))

    assert finding is not None
    assert finding.level == FAULT


@pytest.mark.parametrize(("apart", "level"), [(0, OK), (9, OK), (11, WARNING), (-301, FAULT)])
def test_a_clock_that_is_wrong_is_told_by_the_date_of_ses(apart: int, level: Level) -> None:
    made = set_up(clock=FrozenClock(NOON + timedelta(seconds=apart)))
    finding = looked("clock: difference", made)

    assert finding is not None
    assert finding.level == level


@pytest.mark.parametrize("date", ["", "yesterday", None])
def test_a_date_that_is_none_is_no_clock(date: Any) -> None:
    aws = account(ResponseMetadata={"HTTPHeaders": {"date": date}})
    finding = looked("clock: difference", set_up(aws=aws))

    assert finding is not None
    assert finding.level == WARNING


def test_what_may_not_be_asked_is_a_warning_for_each_and_a_fault_once_a_service() -> None:
    found = examine(set_up(aws=FakeAws(refuses=True), names=FakeNames(None)), OUTSIDE)
    faults = [f"{check.area}: {check.name}" for check, f in found if f.level == FAULT]

    assert faults == ["SES: reachable", "events: queue"]


def test_a_check_that_breaks_says_its_kind_and_hides_no_other() -> None:
    def breaks(_set_up: Any) -> Any:
        raise ValueError("secret")

    checks = [
        Check(area="a", name=str(n), look=look)
        for n, look in enumerate((breaks, lambda _: ok("x")))
    ]
    (_, broken), (_, fine) = examine(set_up(), checks)

    assert (broken.level, "ValueError" in broken.what, "secret" in broken.what) == (
        FAULT, True, False,
    )  # fmt: skip
    assert fine == ok("x")


def test_checks_wait_at_the_same_time_and_one_that_hangs_is_not_waited_for() -> None:
    together, never = threading.Barrier(2), threading.Event()

    def meets(_set_up: Any) -> Any:
        together.wait(PATIENCE)
        return ok("met")

    def hangs(_set_up: Any) -> Any:
        never.wait(PATIENCE)

    checks = [
        Check(area="a", name=str(n), look=look) for n, look in enumerate((meets, meets, hangs))
    ]
    found = [finding for _, finding in examine(set_up(), checks, seconds_max=3)]
    never.set()

    assert [f.level for f in found] == [OK, OK, WARNING]
    assert "did not come to an end" in found[2].what
