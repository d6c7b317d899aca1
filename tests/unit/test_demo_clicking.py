"""People of the demo click the e-mail's own link, as soon as they have the e-mail."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from sekvens.demo.calls import Call, Voice
from sekvens.demo.clicking import Clicker

ELSA = Voice(user_id="u", language="sv")


class Inbox(ThreadingHTTPServer):
    """A local SES that has a few messages, and the API that their links lead to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[dict[str, Any]] = []
        self.clicked: list[tuple[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def take(self, step: str, html: str) -> None:
        number = len(self.messages) + 1
        tags = {"flow": "welcome", "step": step}
        self.messages.append(
            {"sequence": number, "recipient": "elsa@example.com", "tags": tags, "html": html}
        )


class _Handler(BaseHTTPRequestHandler):
    server: Inbox

    def do_GET(self) -> None:
        path, _, after = self.path.partition("?after=")
        if path == "/_local/messages":
            found = [each for each in self.server.messages if each["sequence"] > int(after)]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(msgspec.json.encode(found))
            return
        self.server.clicked.append((path, self.headers["user-agent"]))
        self.send_response(302)
        self.send_header("location", "http://127.0.0.1:1/nowhere")
        self.end_headers()

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.clicked.append((f"{self.path} {said}", self.headers["user-agent"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def wish(step: str = "hello") -> Call:
    return ELSA.click(1.0, "elsa@example.com", "welcome", step)


def test_whoever_wants_to_click_waits_for_the_e_mail_and_clicks_once(inbox: Inbox):
    clicker = Clicker(inbox.url)
    clicker.click(wish())
    before = clicker.look()
    inbox.take("other", '<a href="http://127.0.0.1:1/c/other">')
    inbox.take("hello", f'<a href="{inbox.url}/u/leave"> <a href="{inbox.url}/c/first">')
    looks = [clicker.look(), clicker.look()]

    assert (before, looks) == (0, [1, 0])
    assert [path for path, _ in inbox.clicked] == ["/c/first"]
    assert inbox.clicked[0][1].startswith("Mozilla/5.0 (iPhone")


def test_who_has_no_such_link_clicks_nothing_and_waits_no_longer(inbox: Inbox):
    clicker = Clicker(inbox.url)
    clicker.click(wish())
    inbox.take("hello", '<a href="https://hallgrensylle.example/">')

    assert (clicker.look(), clicker.look()) == (1, 0)
    assert inbox.clicked == []


def test_whoever_answers_posts_it_to_the_e_mails_own_link(inbox: Inbox):
    clicker = Clicker(inbox.url)
    clicker.click(ELSA.answer(1.0, "elsa@example.com", "welcome", "hello", answer="9"))
    inbox.take("hello", f'<a href="{inbox.url}/c/first"> <a href="{inbox.url}/a/nought">')

    assert clicker.look() == 1
    assert [path for path, _ in inbox.clicked] == ["/a/nought answer=9"]
