"""The local SES tells of everything, signed, by both doors; its inbox's buttons do as they say."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sekvens.clock import SystemClock
from sekvens.db.session import Database
from sekvens.demo.misfortunes import misfortunes
from sekvens.demo.people import invent_people
from sekvens.feedback.certificates import Certificates, SnsHosts, fetch
from sekvens.feedback.kinds import ReportKind
from sekvens.feedback.reading import read_report
from sekvens.feedback.sns import SnsVerifier
from sekvens.ses.local import LocalSesOptions, running_local_ses
from sekvens.ses.local.events import TOPIC_ARN
from sekvens.ses.local.records import DEEDS
from sekvens.web.sns import PATH
from tests.unit.serving_over_http import serving
from tests.unit.test_ses_local_queue import Account

HTML = b"""From: Maja <maja@shop.example>\r
To: kund@shop.example\r
Subject: Hej\r
List-Unsubscribe: <URL>\r
List-Unsubscribe-Post: List-Unsubscribe=One-Click\r
Content-Type: text/html; charset=utf-8\r
\r
<a href="https://shop.example/one">One</a> <a href="https://shop.example/two?a=1&amp;b=2">Two</a>\r
<a href="javascript:alert(1)">Three</a>\r
"""
SIMULATED = {
    "success": ["Send", "Delivery"],
    "bounce": ["Send", "Bounce"],
    "complaint": ["Send", "Delivery", "Complaint"],
    "ooto": ["Send", "Delivery", "Bounce"],
    "suppressionlist": ["Send", "Bounce"],
}
KINDS = {
    "send": ReportKind.ACCEPTED, "delivery": ReportKind.DELIVERED, "delay": ReportKind.DELAYED,
    "bounce": ReportKind.BOUNCED, "soft-bounce": ReportKind.SOFT_BOUNCED,
    "auto-reply": ReportKind.SOFT_BOUNCED, "global-suppression": ReportKind.BOUNCED,
    "suppression": ReportKind.BOUNCED, "refusal-of-ours": ReportKind.FAILED,
    "complaint": ReportKind.COMPLAINED, "not-spam": ReportKind.NOT_SPAM,
    "reject": ReportKind.REJECTED, "rendering-failure": ReportKind.FAILED,
    "open": ReportKind.OPENED, "click": ReportKind.CLICKED,
    "subscription": ReportKind.UNSUBSCRIBED,
}  # fmt: skip


class Desk(Account):
    """A local SES, whose events are read as they come."""

    def mail(self, recipient: str = "kund@shop.example", *, raw: bytes = HTML) -> str:
        answer = self.ses.send_email(
            Destination={"ToAddresses": [recipient]},
            Content={"Raw": {"Data": raw}},
            EmailTags=[{"Name": "message_id", "Value": "m-1"}],
        )
        return str(answer["MessageId"])

    def bodies(self) -> list[str]:
        return [each["Body"] for each in self.receive()]

    def types(self) -> list[str]:
        return [json.loads(json.loads(each)["Message"])["eventType"] for each in self.bodies()]

    def press(self, message: str, button: str, **form: str) -> httpx.Response:
        return httpx.post(f"{self.local.url}/messages/{message}/{button}", data=form)

    def put(self, path: str, content: dict[str, Any]) -> httpx.Response:
        return httpx.put(f"{self.local.url}/_local/{path}", json=content)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with running_local_ses(tmp_path, LocalSesOptions(rate=5000)) as local:
        yield Desk(local)


@pytest.mark.parametrize(("name", "types"), SIMULATED.items(), ids=SIMULATED)
def test_the_mailbox_simulators_addresses_behave(desk: Desk, name: str, types: list[str]) -> None:
    desk.mail(f"{name}+label@simulator.amazonses.com")

    assert desk.types() == types


def test_whatever_may_become_of_a_message_is_told_in_words_that_we_know(desk: Desk) -> None:
    desk.put("fates", {"recipient": "Kund@shop.example", "tells": [*DEEDS][1:]})
    desk.mail()
    now = SystemClock().now()
    reports = [read_report(each, now=now) for _ in range(2) for each in desk.bodies()]

    assert KINDS.keys() == DEEDS.keys()
    assert [report.kind for report in reports] == [*KINDS.values()]
    assert {report.message_id for report in reports} == {"m-1"}
    assert len({report.address_hash for report in reports} - {None}) == 1
    assert {report.type for report in reports} == {
        "Send", "Delivery", "DeliveryDelay", "Bounce", "Complaint", "Reject", "Rendering Failure",
        "Open", "Click", "Subscription",
    }  # fmt: skip


def test_a_fate_that_does_not_exist_is_refused(desk: Desk) -> None:
    assert desk.put("fates", {"recipient": "a@b.se", "tells": ["nap"]}).status_code == 400
    assert desk.put("fates", {"recipient": "a@b.se"}).json() == {}


def test_what_the_queue_brings_is_signed_as_sns_signs(desk: Desk) -> None:
    desk.mail()
    clock, hosts = SystemClock(), SnsHosts(desk.local.url)
    certificates = Certificates(hosts=hosts, clock=clock, fetch=fetch)
    believes = SnsVerifier(
        topic_arns=(TOPIC_ARN,), hosts=hosts, certificates=certificates, clock=clock
    )

    assert {believes.verify(each.encode()).type for each in desk.bodies()} == {"Notification"}


@pytest.mark.parametrize(
    ("button", "form", "told"),
    [
        ("open", {}, "Open"),
        ("click", {"link": "https://shop.example/two?a=1&b=2"}, "Click"),
        ("bounce", {}, "Bounce"),
        ("soft-bounce", {}, "Bounce"),
        ("complaint", {}, "Complaint"),
    ],
)
def test_a_button_tells_what_it_says(
    desk: Desk, button: str, form: dict[str, str], told: str
) -> None:
    message = desk.mail()
    answer = desk.press(message, button, **form)
    page = httpx.get(f"{desk.local.url}/messages/{message}").text

    assert (answer.status_code, answer.headers["location"]) == (303, f"/messages/{message}")
    assert desk.types() == ["Send", "Delivery", told]
    assert f'<span class="tag">{told}</span>' in page
    assert "javascript:" not in page.partition("<iframe")[0]


@pytest.mark.parametrize("button", ["bounce", "complaint", "soft-bounce", "open"])
def test_who_bounced_or_complained_is_not_mailed_again_as_at_amazon(
    desk: Desk, button: str
) -> None:
    desk.press(desk.mail(), button)
    desk.bodies()
    desk.mail()

    again = "Bounce" if button in ("bounce", "complaint") else "Delivery"
    assert desk.types() == ["Send", again]


def test_a_link_that_is_not_in_the_message_is_not_clicked(desk: Desk) -> None:
    message = desk.mail()

    assert desk.press(message, "click", link="javascript:alert(1)").status_code == 400
    assert desk.press(message, "nap").status_code == 404
    assert desk.press("nothing", "open").status_code == 404
    assert desk.types() == ["Send", "Delivery"]


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}], ids=str
)
def test_a_page_elsewhere_presses_no_button(desk: Desk, headers: dict[str, str]) -> None:
    message = desk.mail()
    for button in ("complaint", "unsubscribe"):
        url = f"{desk.local.url}/messages/{message}/{button}"

        assert httpx.post(url, headers=headers).status_code == 403
    assert desk.types() == ["Send", "Delivery"]


def test_unsubscribe_posts_to_the_messages_own_link_on_this_machine_alone(desk: Desk) -> None:
    own = HTML.replace(b"URL", f"{desk.local.url}/u/token".encode())
    away = HTML.replace(b"URL", b"https://shop.example/u/token")
    answers = [desk.press(desk.mail(raw=raw), "unsubscribe") for raw in (own, away)]

    assert "404" in answers[0].headers["location"]  # it was asked, and knows no such link
    assert "leads+away" in answers[1].headers["location"]


def eventually(probe: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not probe():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_the_other_door_is_posted_to_once_it_has_confirmed(
    desk: Desk, sqlite_database: Database
) -> None:
    url = desk.local.url
    changes = {"SEKVENS_SES__ENDPOINT_URL": url, "SEKVENS_FEEDBACK__TOPIC_ARNS": TOPIC_ARN}
    with serving(sqlite_database, **changes) as served:
        endpoint = {"endpoint": f"{served.url}{PATH}"}
        httpx.post(f"{url}/_local/subscriptions", json=endpoint)
        eventually(
            lambda: httpx.get(f"{url}/_local/subscriptions").json()[0]["confirmed"], "confirmed"
        )
        desk.mail()
        eventually(lambda: len(served.feedback()) == 2, "both reports")

    assert sorted(served.feedback()) == ["Delivery", "Send"]
    answer = httpx.post(f"{url}/_local/subscriptions", json={"endpoint": "https://evil.example/"})
    assert answer.status_code == 400


def test_what_the_demo_tells_beforehand_is_known_and_about_few(desk: Desk) -> None:
    people = invent_people()
    told = misfortunes(people)
    for email, tells in told.items():
        assert desk.put("fates", {"recipient": email, "tells": tells}).status_code == 200
    bounces = sum(tells == ["bounce"] for tells in told.values())

    assert (bounces, len(told) - bounces) == (5, 5)
    assert told.keys() <= {person.email for person in people}
