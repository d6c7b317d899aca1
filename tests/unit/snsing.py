"""What the tests of SNS over HTTPS share: a signer that Amazon could be, and its posts."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sekvens.ses.local.records import iso
from sekvens.ses.local.signing import Signer
from tests.unit.ingesting import NOON

TOPIC = "arn:aws:sns:eu-north-1:123456789012:ses-feedback"
HOST = "https://sns.eu-north-1.amazonaws.com"
TOKEN = "2336412f37fb687f5d51e6e2425c464de257eb"


class Amazon:
    """SNS, as far as it posts: it signs, and its certificate can be fetched."""

    def __init__(self, folder: Path, *, url: str = HOST) -> None:
        self.signer = Signer(folder, now=NOON)
        self.certificate_url = f"{url}/{self.signer.certificate_name}"
        self.fetched: list[str] = []
        self.answer: Callable[[str], bytes] = lambda _: self.signer.certificate

    def fetch(self, url: str) -> bytes:
        """Give the certificate, or hear a confirmation."""
        self.fetched.append(url)
        return self.answer(url)

    def post(
        self,
        message: str = "{}",
        *,
        at: datetime = NOON,
        version: str = "2",
        sign: bool = True,
        **changes: Any,
    ) -> bytes:
        """Write a signed post; `changes` are made before it is signed."""
        given: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": "da41e39f-ea4d-435a-b922-c6aae3915ebe",
            "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": message,
            "Timestamp": iso(at),
            "SigningCertURL": self.certificate_url,
            **changes,
        }
        given = {name: value for name, value in given.items() if value is not None}
        if sign:
            self.signer.sign(given, version=version)
        return json.dumps(given).encode()

    def question(self, **changes: Any) -> bytes:
        """Write a signed question whether an endpoint wants to be told."""
        query = {"Action": "ConfirmSubscription", "TopicArn": TOPIC, "Token": TOKEN}
        given = {
            "Type": "SubscriptionConfirmation",
            "Subject": None,
            "Token": TOKEN,
            "SubscribeURL": f"{HOST}/?{urlencode(query)}",
        }
        return self.post("You have chosen to subscribe.", **(given | changes))


def changed(body: bytes, **members: Any) -> bytes:
    """Change a post after it was signed."""
    return json.dumps(json.loads(body) | members).encode()
