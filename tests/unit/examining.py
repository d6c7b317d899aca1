"""A set-up that is in order, for the tests of the doctor, which break one thing at a time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from sekvens.clock import Clock, FrozenClock
from sekvens.doctor.examine import CHECKS, examine
from sekvens.doctor.findings import CouldNotBeAsked, Finding
from sekvens.doctor.set_up import SetUp, TemporalFacts, Version, VersionFacts
from sekvens.enrollments import names
from sekvens.settings import Settings, load_settings
from tests.unit.ingesting import NOON

TOPIC = "arn:aws:sns:eu-north-1:123456789012:ses"
DATE = "Wed, 04 Mar 2026 12:00:00 GMT"


def policy(*sources: str, **changes: Any) -> str:
    """Write a queue's policy that lets topics send."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Condition": {"ArnLike": {"aws:SourceArn": list(sources)}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": statement | changes})


@dataclass
class FakeAws:
    """Amazon, with everything as it should be; a test changes an answer, or takes it away."""

    told_account: dict[str, Any] | None = field(
        default_factory=lambda: {
            "ProductionAccessEnabled": True,
            "SendingEnabled": True,
            "EnforcementStatus": "HEALTHY",
            "SendQuota": {"Max24HourSend": 5e4, "MaxSendRate": 14.0, "SentLast24Hours": 12.0},
            "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
            "ResponseMetadata": {"HTTPHeaders": {"date": DATE}},
        }
    )
    told_identity: dict[str, Any] | None = field(
        default_factory=lambda: {
            "VerifiedForSendingStatus": True,
            "DkimAttributes": {"SigningEnabled": True, "Status": "SUCCESS"},
            "MailFromAttributes": {
                "MailFromDomain": "bounce.ourshop.se", "MailFromDomainStatus": "SUCCESS",
            },
        }
    )  # fmt: skip
    told_destinations: list[dict[str, Any]] | None = field(default_factory=lambda: [destination()])
    told_queue: dict[str, str] | None = field(
        default_factory=lambda: {
            "ApproximateNumberOfMessages": "3",
            "Policy": policy(TOPIC),
            "RedrivePolicy": json.dumps({"maxReceiveCount": "20", "deadLetterTargetArn": "a"}),
        }
    )
    refuses: bool = False

    def account(self) -> dict[str, Any]:
        return self._told(self.told_account)

    def identity(self, name: str) -> dict[str, Any] | None:
        assert name == "ourshop.se"
        self._told({})
        return self.told_identity

    def destinations(self) -> list[dict[str, Any]] | None:
        self._told({})
        return self.told_destinations

    def queue(self) -> dict[str, str]:
        return self._told(self.told_queue)

    def _told(self, answer: Any) -> Any:
        if self.refuses or answer is None:
            raise CouldNotBeAsked("these credentials may not do it")
        return answer


def destination(*types: str, **changes: Any) -> dict[str, Any]:
    """Make an event destination, of all types unless some are named."""
    every = ("SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT", "DELIVERY_DELAY",
             "RENDERING_FAILURE")  # fmt: skip
    made = {"Name": "x", "Enabled": True, "MatchingEventTypes": list(types or every)}
    return made | {"SnsDestination": {"TopicArn": TOPIC}} | changes


@dataclass
class FakeNames:
    """Names with TXT records; with None for the whole, no resolver answers."""

    records: Mapping[str, list[str]] | None = field(
        default_factory=lambda: {
            "bounce.ourshop.se": ["other=1", "v=spf1 include:amazonses.com ~all"],
            "_dmarc.ourshop.se": ["v=DMARC1; p=none; rua=mailto:dmarc@ourshop.se"],
        }
    )

    def texts(self, name: str) -> list[str]:
        if self.records is None:
            raise CouldNotBeAsked("no resolver answers")
        return self.records.get(name, [])


def temporal(**changes: Any) -> TemporalFacts:
    """Tell what Temporal says of a namespace that is in order."""
    facts = TemporalFacts(
        namespace="sekvens",
        is_registered=True,
        retention_days=30,
        search_attributes=frozenset(names.SEARCH_ATTRIBUTES),
    )
    return replace(facts, **changes)


def versions(*, current: str = "", ramping: str = "", there: Sequence[str] = ("",)) -> VersionFacts:
    """Tell what Temporal says of versions, by their build ids; empty: workers without one."""

    def version(build_id: str) -> Version | None:
        return Version(deployment="sekvens", build_id=build_id) if build_id else None

    at_work = {current, ramping} if ramping else {current}
    return VersionFacts(
        current=version(current),
        at_work=frozenset(map(version, at_work)),
        there=frozenset(map(version, there)),
    )


def our_settings(database_url: str = "sqlite:////nowhere/sekvens.db", **given: str) -> Settings:
    """Make the settings of a shop in production."""
    environ = {
        "SEKVENS_DATABASE__URL": database_url,
        "SEKVENS_API__PUBLIC_URL": "https://post.ourshop.se",
        "SEKVENS_API__LINK_SECRET": "s" * 32,
        "SEKVENS_API__WRITE_KEYS": "one,two",
        "SEKVENS_SES__ENDPOINT_URL": "",
        "SEKVENS_SES__CONFIGURATION_SET": "marketing",
        "SEKVENS_FEEDBACK__QUEUE_URL": "https://sqs.eu-north-1.amazonaws.com/123456789012/ses",
        "SEKVENS_SENDING__PRODUCTION": "true",
        "SEKVENS_WORKER__DEPLOYMENT": "sekvens",
        "SEKVENS_WORKER__BUILD_ID": "1",
    }
    settings = load_settings(environ | given)
    sender = msgspec.structs.replace(settings.shop.sender, address="maja@ourshop.se")
    return msgspec.structs.replace(
        settings, shop=msgspec.structs.replace(settings.shop, sender=sender)
    )


def set_up(
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
    message: Path | None = None,
    is_sample: bool = False,
    temporal: Any = temporal,
    versions: Any = lambda: versions(current="1", there=("1",)),
    aws: Any = None,
    names: Any = None,
) -> SetUp:
    """Make a set-up in production that is in order, but for what is given."""
    return SetUp(
        settings=settings or our_settings(),
        is_sample=is_sample,
        clock=clock or FrozenClock(NOON),
        aws=aws or FakeAws(),
        names=names or FakeNames(),
        temporal=temporal,
        versions=versions,
        message=message,
    )


def looked(name: str, made: SetUp) -> Finding | None:
    """Make one check, named `area: check`, as the doctor makes it."""
    (check,) = [each for each in CHECKS if f"{each.area}: {each.name}" == name]
    return next((finding for _, finding in examine(made, [check])), None)
