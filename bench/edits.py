"""Looks at e-mails that somebody edits, against the same with a fresh process for each composing.

Processor time, of this process and of all that it has started: what an API uses for one look. Each
of the two ways is measured in a process of its own, one after the other.
`python -m bench.edits [--short]`
"""

import asyncio
import itertools
import json
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import httpx
import psutil
from sqlalchemy.orm import Session

from bench.dashboard import ORIGIN, form_token, logged_in
from bench.harness import arguments, machine, say, scratch
from sekvens.commands.preview_watch import seen
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.edits import drafting
from sekvens.edits.drafting import text_digest, with_text
from sekvens.edits.live import live_email
from sekvens.enrollments.publish import publish
from sekvens.feeds.reading import samples
from sekvens.flows.catalogue import CATALOGUE
from sekvens.limited.job import Limits
from sekvens.limited.warm import WarmProcess
from sekvens.messages import foreign, templates
from sekvens.messages.gallery import GalleryMaker
from sekvens.settings import load_settings

NOW: Final = datetime(2026, 3, 4, 12, tzinfo=UTC)
NAME, KEY = "welcome/hello", "sv"
PAGE: Final = f"/staff/emails/{NAME}"
#: E-mails whose published texts are edited ones, among all of the gallery.
EDITED: Final = frozenset({"welcome/last-day", "winback/last-call", "birthday/birthday-gift"})
#: A look has so much processor time.
GOAL_MS: Final = 300
_ROOT: Final = Path(__file__).parents[1]
_FRESH: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from sekvens.limited.job import do; do()"
)


class Fresh(WarmProcess):
    """The baseline: a Python for each order, which imports everything before it begins."""

    def _carried_out(self, order: bytes, named: str, limits: Limits) -> bytes:
        del named
        with TemporaryFile() as replied:
            subprocess.run(
                [sys.executable, "-I", "-c", _FRESH, str(_ROOT)],
                input=order, stdout=replied, stderr=subprocess.DEVNULL, env={}, cwd="/",
                timeout=limits.wall_seconds, check=True,
            )  # fmt: skip
            replied.seek(0)
            return replied.read(limits.result_bytes)


def main() -> None:
    """Measure both ways, and print; or be one of them."""
    given = arguments(
        __doc__ or "", ("--fresh", "be the baseline, as JSON"), ("--warm", "be ours, as JSON")
    )
    # A fresh process takes as long each time; the rest is so quick that it has to be repeated.
    rounds = 1 if given.short else 5 if given.fresh else 20
    if given.fresh or given.warm:
        if given.fresh:
            foreign.APART = Fresh("")
        figures = asyncio.run(_measured(rounds))
        figures["`preview --watch` once a text is saved"] = _watched(rounds, anew=given.fresh)
        print(json.dumps(figures))
        return
    print(machine())
    short = ["--short"] if given.short else []
    fresh, ours = (_told(way, short) for way in ("--fresh", "--warm"))
    width = max(map(len, ours))
    print(f"\nProcessor time of one look, in ms; the goal is {GOAL_MS}")
    print(f"  {'':<{width}}  {'fresh':>7}  {'ours':>7}  ratio")
    for name, used in ours.items():
        print(f"  {name:<{width}}  {fresh[name]:>7.0f}  {used:>7.0f}  {used / fresh[name]:.2g} x")


def _told(way: str, short: list[str]) -> dict[str, float]:
    say(f"{way.strip('-')} …")
    command = [sys.executable, "-m", "bench.edits", way, *short]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=_ROOT)
    figures: dict[str, float] = json.loads(told.stdout)
    return figures


async def _measured(rounds: int) -> dict[str, float]:
    with scratch() as folder, _database(folder) as database:
        async with logged_in(database, NOW) as client:
            desk = Desk(client, database, token=await form_token(client, "/staff"))
            figures = {
                "the first of a process": await _used(desk.compose, 1),
                "one e-mail composed apart": await _used(desk.compose, rounds),
                "all flows' e-mails, the first time": await _used(desk.all_flows, 1),
                "all flows' e-mails, again": await _used(desk.all_flows, rounds),
                "the first look at an unpublished edit": await _used(desk.first_look, rounds),
                "the preview after a save": await _used(desk.save, rounds),
            }
    return figures


class Desk:
    """Somebody's browser with the e-mails in it."""

    def __init__(self, client: httpx.AsyncClient, database: Database, *, token: str) -> None:
        self._client, self._database, self._token = client, database, token
        self._edits = 0
        with database.read() as session:
            self._email = live_email(session, NAME)
        self._text = self._email.template.sources[KEY]

    async def all_flows(self) -> None:
        await self._get("/staff/emails?flow=all")

    async def compose(self) -> None:
        template = with_text(self._email.template, KEY, self._edited())
        settings = load_settings({})
        facts = foreign.sample_facts(settings.shop, name=NAME, locale=KEY, now=NOW)
        foreign.compose_foreign(template, facts, shop=settings.shop)

    async def first_look(self) -> None:
        """Look at what somebody else has saved."""
        before, self._text = self._text, self._edited()
        with self._database.write() as session:
            drafting.save(
                session, NAME, KEY, self._text, seen=text_digest(before), author="elsa", now=NOW
            )
        await self._framed(await self._get(f"{PAGE}?key={KEY}&text=edit"))

    async def save(self) -> None:
        before, self._text = self._text, self._edited()
        form = {"form_token": self._token, "key": KEY, "source": self._text}
        reply = await self._client.post(
            f"{PAGE}/edit",
            data={**form, "seen": text_digest(before)},
            headers={"Origin": ORIGIN},
        )
        await self._framed(reply.text)

    def _edited(self) -> str:
        """Write a text that nobody has seen yet."""
        self._edits += 1
        lines = self._text.rstrip().split("\n")
        kept = lines[:-1] if self._edits > 1 else [*lines, ""]
        return "\n".join([*kept, f"Vi hörs, {self._edits}."]) + "\n"

    async def _framed(self, page: str) -> None:
        """Ask for the e-mail itself, as the page's frame does."""
        found = re.search(r'<iframe src="([^"]+)"', page)
        assert found, page
        await self._get(found[1].replace("&amp;", "&"))

    async def _get(self, path: str) -> str:
        reply = await self._client.get(path)
        assert reply.status_code == 200, (path, reply.status_code)
        return reply.text


def _watched(rounds: int, *, anew: bool) -> float:
    """Tell what a page of `preview --watch` takes once a text is saved, or the whole one `anew`."""
    with scratch() as folder:
        content = shutil.copytree(templates.CONTENT, folder / "content")
        settings = load_settings({})
        maker = GalleryMaker(
            shop=settings.shop, now=NOW, public_url=settings.api.public_url,
            feeds=samples(settings.feeds), content=content, shows_faults=True,
        )  # fmt: skip
        file, saved = content / f"{NAME}.{KEY}.md", itertools.count()

        def look() -> None:
            if anew:
                out = ["--out", str(folder / "emails.html")]
                command = [sys.executable, str(_ROOT / "starter.py"), "preview", "--all", *out]
                subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
                return
            file.write_text(f"{file.read_text(encoding='utf-8')}\nVi hörs, {next(saved)}.\n")
            maker.page(seen=seen((content,)))

        if not anew:
            look()
        began = _processor_seconds()
        for _ in range(rounds):
            look()
        return (_processor_seconds() - began) * 1000 / rounds


async def _used(look: Callable[[], Awaitable[None]], rounds: int) -> float:
    """Tell the processor time of one look in ms."""
    began = _processor_seconds()
    for _ in range(rounds):
        await look()
    return (_processor_seconds() - began) * 1000 / rounds


def _processor_seconds() -> float:
    """Add up our own time, that of children who have ended, and that of those who live."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    living = [sum(child.cpu_times()[:4]) for child in psutil.Process().children()]
    return time.process_time() + ended.ru_utime + ended.ru_stime + sum(living)


@contextmanager
def _database(folder: Path) -> Iterator[Database]:
    """Publish the catalogue, some of it with texts that the dashboard has edited."""
    database = Database(f"sqlite:///{folder / 'sekvens.db'}")
    metadata.create_all(database.engine)
    with database.write() as session:
        for flow in CATALOGUE:
            publish(session, flow, now=NOW, store_templates=_store)
    yield database
    database.close()


def _store(session: Session, names: Sequence[str], *, now: datetime) -> dict[str, str]:
    digests = templates.store(session, names, now=now)
    for name in EDITED.intersection(names):
        template = templates.load(session, digests[name])
        edited = with_text(template, KEY, f"{template.sources[KEY]}\nVi hörs.\n")
        digests[name] = templates.keep(session, edited, now=now)
    return digests


if __name__ == "__main__":
    main()
