"""People of the demo who click and answer: they look into the local SES's inbox, and follow a link.

It is the e-mail's own link, by HTTP and with a browser's words, so that all happens to the click
that happens to a real one. An answer is posted as the page behind the link would post it. Whose
e-mail has not come yet clicks when it comes.
"""

import json
import logging
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from sekvens.demo.calls import Call

logger = logging.getLogger(__name__)

#: How often somebody who waits for an e-mail looks; a fraction of the demo's day.
LOOK_SECONDS: Final = 0.2
BROWSER: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
#: Links of an e-mail, by what is done with them.
_LINKS: Final = {
    "click": re.compile(r'href="(http[^"]+/c/[^"]+)"'),
    "answer": re.compile(r'href="(http[^"]+/a/[^"]+)"'),
}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Stays where the link is: the sample shop does not exist."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """Follow nothing."""


class Clicker:
    """Clicks for everybody in the story, in a thread of its own."""

    def __init__(self, inbox_url: str) -> None:
        self._inbox_url = inbox_url
        self._seen = 0  #: the last message looked at
        #: (address, flow, step) -> the first link of the e-mail of each kind; empty: none
        self._links: dict[tuple[str, str, str], dict[str, str]] = {}
        self._waiting: list[Call] = []
        self._lock = threading.Lock()

    def click(self, call: Call) -> None:
        """Let somebody click or answer, as soon as they have the e-mail."""
        with self._lock:
            self._waiting.append(call)

    def run(self, stop: threading.Event) -> None:
        """Click for whoever wants to, until `stop` is set."""
        while not stop.wait(LOOK_SECONDS):
            try:
                self.look()
            except (OSError, ValueError) as error:
                # The services may be about to stop: the story goes on without this click.
                logger.warning("the inbox cannot be read (%s)", type(error).__name__)

    def look(self) -> int:
        """Look into the inbox if anybody waits, and click; tell for how many."""
        with self._lock:
            waiting = list(self._waiting)
        if not waiting:
            return 0
        for mail in self._new():
            tags = mail["tags"]
            key = (mail["recipient"], tags.get("flow", ""), tags.get("step", ""))
            self._links.setdefault(key, _links_of(mail["html"]))
            self._seen = max(self._seen, mail["sequence"])
        able = [call for call in waiting if _key(call.data) in self._links]
        for call in able:
            _follow(self._links[_key(call.data)][call.type], call.data.get("answer"))
        with self._lock:
            self._waiting = [call for call in self._waiting if call not in able]
        return len(able)

    def _new(self) -> list[dict[str, Any]]:
        url = f"{self._inbox_url}/_local/messages?after={self._seen}"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  our own address
            found: list[dict[str, Any]] = json.load(answer)
        return found


def _key(data: Mapping[str, Any]) -> tuple[str, str, str]:
    return data["email"], data["flow"], data["step"]


def _links_of(html: str) -> dict[str, str]:
    found = {kind: pattern.search(html) for kind, pattern in _LINKS.items()}
    return {kind: link[1] if link else "" for kind, link in found.items()}


def _follow(link: str, answer: str | None) -> None:
    if not link:
        return  # who has not allowed it has no such links
    posted = None if answer is None else urlencode({"answer": answer}).encode()
    request = urllib.request.Request(link, posted, {"User-Agent": BROWSER})  # noqa: S310  ours
    try:
        urllib.request.build_opener(_NoRedirect).open(request, timeout=10).close()
    except urllib.error.HTTPError as reply:
        reply.close()  # a redirect that nobody follows
