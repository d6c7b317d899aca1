"""Targets: where the links of one e-mail lead, and what stands in the e-mail in their place.

Each link to the web is numbered within the place that it stands in (`letter`, `button-2`), the same
in both parts, and a target that comes again is one link. What a message has once been sent with is
never led elsewhere: an e-mail that is made anew gives a new target a new id.

Layouts are pinned with old messages, so it is not they who name the link: while an e-mail is being
written its targets are known to `lead`, by which every URL of it passes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import count
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from sekvens.messages.links import click_url, has_token
from sekvens.messages.tagging import Tags
from sekvens.sections import ApiSettings

#: Links of an author's own Markdown, and of the layout around it.
LETTER: Final = "letter"
FRAME: Final = "frame"

_SAFE: Final = "%/:=&?~#+!$,;'@()*[]"


class Targets:
    """The targets of one e-mail.

    Args:
        api: where links of ours lead, and the key that signs them.
        message_id: the message that they belong to.
        tags: put on links into the shop, if any are.
        through_us: whether links lead through us; if not, they are only tagged.
        known: link id -> target of what this message may have been sent with already.
    """

    def __init__(
        self,
        *,
        api: ApiSettings,
        message_id: str,
        tags: Tags | None = None,
        through_us: bool = False,
        known: Mapping[str, str] | None = None,
    ) -> None:
        self.api = api
        self.message_id = message_id
        self._tags = tags
        self._through_us = through_us
        self._place = LETTER
        self._spared: frozenset[str] = frozenset()
        self._by_id = dict(known or {})
        self._ids = {target: link_id for link_id, target in self._by_id.items()}

    @property
    def by_id(self) -> Mapping[str, str]:
        """Link id -> target, of every link that leads through us."""
        return self._by_id

    def with_api(self, api: ApiSettings) -> "Targets":
        """Make the same targets for links that another key signs."""
        return Targets(
            api=api,
            message_id=self.message_id,
            tags=self._tags,
            through_us=self._through_us,
            known=self._by_id,
        )

    def take(self, by_id: Mapping[str, str]) -> None:
        """Add targets that were numbered elsewhere; what is known is never led elsewhere."""
        for link_id, target in by_id.items():
            if link_id not in self._by_id:
                self._by_id[link_id], self._ids[target] = target, link_id

    @contextmanager
    def placed(self, place: str, *, spared: frozenset[str] = frozenset()) -> Iterator[None]:
        """Number the links that are written meanwhile within this place, and spare some URLs."""
        before = self._place, self._spared
        self._place, self._spared = place.replace("_", "-"), spared
        try:
            yield
        finally:
            self._place, self._spared = before

    def href(self, url: str) -> str:
        """Tell what stands in the e-mail for a URL that it leads to."""
        scheme = urlsplit(url).scheme
        # A link of ours acts for the contact by itself, and a picture is no link.
        if scheme not in ("https", "http") or url in self._spared or has_token(self.api, url):
            return url
        target = self._tags.on(url) if self._tags else url
        if not self._through_us:
            return target
        link_id = self._ids.get(target) or self._numbered(target)
        return click_url(self.api, message_id=self.message_id, link_id=link_id)

    def _numbered(self, target: str) -> str:
        names = (self._place if number == 1 else f"{self._place}-{number}" for number in count(1))
        link_id = next(name for name in names if name not in self._by_id)
        self._by_id[link_id], self._ids[target] = target, link_id
        return link_id


_present: ContextVar[Targets | None] = ContextVar("targets", default=None)


@contextmanager
def leading(targets: Targets | None) -> Iterator[None]:
    """Write an e-mail whose links lead to these targets; None: they stay as they are."""
    before = _present.set(targets)
    try:
        yield
    finally:
        _present.reset(before)


@contextmanager
def placed(place: str, *, spared: frozenset[str] = frozenset()) -> Iterator[None]:
    """Write a part of the present e-mail: its links are numbered within it."""
    targets = _present.get()
    if targets is None:
        yield
        return
    with targets.placed(place, spared=spared):
        yield


def lead(url: str) -> str:
    """Tell what stands for a URL in the e-mail that is being written."""
    targets = _present.get()
    return targets.href(url) if targets else url


def as_header(url: str) -> str:
    """Write a URL as a header takes it: in ASCII, a host's name as DNS knows it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host.isascii():
        # What DNS knows no name for leads nowhere, and is written in any form that is safe.
        with suppress(ValueError):
            port = f":{parts.port}" if parts.port else ""
            parts = parts._replace(netloc=host.encode("idna").decode() + port)
    return quote(urlunsplit(parts), safe=_SAFE)
