"""Starts every service in order, tells what happens, and stops everything again.

Whatever ends it (Ctrl-C, SIGTERM, its own time, a service that broke), no process is left behind.
"""

import contextlib
import json
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from rich.console import Console

from sekvens.clock import Clock, SystemClock
from sekvens.db.session import Database
from sekvens.demo import services
from sekvens.demo.feed import import_sample, import_sample_reviews
from sekvens.demo.misfortunes import tell_misfortunes
from sekvens.demo.narration import Narrator
from sekvens.demo.place import READY_SECONDS, Place, on_signals, place
from sekvens.demo.ports import Ports
from sekvens.demo.report import Report
from sekvens.demo.services import Site
from sekvens.demo.shelf import SHELVED_DAYS, Shelf
from sekvens.demo.staffing import OPERATOR, add_operator, ask_before_sending, fill_pool
from sekvens.demo.standing import Standing, read_standing
from sekvens.errors import SekvensError

POLL_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Options:
    """What can be said about a demo."""

    ports: Ports = field(default_factory=Ports)
    day_seconds: float = 2.0
    for_seconds: float | None = None  #: None: until Ctrl-C
    data: Path = Path("var/demo")
    fresh: bool = True
    with_shop: bool = True


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether the demo showed what it is there to show."""

    e_mails: int
    left_early: int

    @property
    def is_good(self) -> bool:
        """E-mails arrived, and somebody left early."""
        return self.e_mails > 0 and self.left_early > 0


def supervise(options: Options, console: Console, clock: Clock | None = None) -> int:
    """Run the services until they are told to stop; tell the exit code.

    Raises:
        SekvensError: a service cannot be started or broke, or a setting is refused.
    """
    return _Supervisor(options, console, clock or SystemClock()).run()


class _Supervisor:
    def __init__(self, options: Options, console: Console, clock: Clock) -> None:
        self._options = options
        self._console = console
        self._clock = clock
        self._password = ""  #: of the staff account of a demo with a shop

    def run(self) -> int:
        options = self._options
        with place(
            self._console,
            self._clock,
            day_seconds=options.day_seconds,
            data=options.data,
            fresh=options.fresh,
            ports=options.ports,
            with_story=options.with_shop,
        ) as here:
            try:
                self._start(here)
                return self._watch(here)
            except KeyboardInterrupt:
                self._console.print("\nStopping …")
                self._addresses(here.site)
                return 0

    def _start(self, here: Place) -> None:
        self._console.print(
            f"Starting the services; their logs are in {_short(here.site.data / 'logs')} …"
        )
        here.start(self._clock, prepare=self._furnish if self._options.with_shop else None)
        if self._options.with_shop:
            tell_misfortunes(here.site)
            here.processes.start(services.shop(here.site))
            here.processes.wait_until_ready(timeout_seconds=READY_SECONDS)
        took = (self._clock.now() - here.site.origin).total_seconds()
        self._console.print(f"All are up, after {took:.1f} s.", highlight=False)
        self._addresses(here.site)

    def _furnish(self, here: Place) -> None:
        now = here.settings.shop_time().at(self._clock.now())
        shelved = now - timedelta(days=SHELVED_DAYS)
        import_sample(here.database, api_url=here.site.api_url, now=shelved)
        import_sample_reviews(here.database, clock=self._clock)
        fill_pool(here.database, here.settings.shop)
        ask_before_sending(here.database, clock=self._clock)
        self._password = add_operator(here.database, clock=self._clock)

    def _watch(self, here: Place) -> int:
        site, database, processes = here.site, here.database, here.processes
        ready_at = self._clock.now()
        if self._options.with_shop:
            services.open_shop(site, at=ready_at)
            self._console.print(
                f"A day passes in {site.day_seconds:g} s. The shop opens.\n", highlight=False
            )
        shop_time = here.settings.shop_time()
        narrator = Narrator(database, shop_time=shop_time, now=self._clock.now)
        opened_at = shop_time.at(ready_at)
        shelf = Shelf(opened_at=opened_at, bring=partial(self._bring, here))
        report = Report(
            self._console,
            opened_at=opened_at,
            ready_at=ready_at,
            standing=lambda: _standing(database),
        )
        ends_at = time.monotonic() + (self._options.for_seconds or float("inf"))
        told_to_stop = threading.Event()
        on_signals(lambda *_: told_to_stop.set())  # no line is torn from here on
        while time.monotonic() < ends_at:
            processes.check()
            if self._options.with_shop:
                shelf.tend(shop_time.at(self._clock.now()))
            report.tell(narrator.news())
            if told_to_stop.wait(POLL_SECONDS):
                raise KeyboardInterrupt
        report.tell(narrator.news())
        return self._judge(site, _standing(database), report)

    def _bring(self, here: Place, day: float) -> None:
        """Import the shop's feed of a day."""
        now = here.settings.shop_time().at(self._clock.now())
        import_sample(here.database, api_url=here.site.api_url, now=now, day=day)

    def _judge(self, site: Site, standing: Standing, report: Report) -> int:
        verdict = Verdict(e_mails=_arrived(site), left_early=standing.left_early)
        report.tell_flows(standing)
        self._addresses(site)
        said = "good" if verdict.is_good else "not good"
        self._console.print(
            f"Verdict: {said}. {verdict.e_mails} e-mails arrived in the inbox, "
            f"{verdict.left_early} enrollments left early.",
            style="bold green" if verdict.is_good else "bold red",
        )
        return 0 if verdict.is_good else 1

    def _addresses(self, site: Site) -> None:
        rows = {
            "Inbox": site.inbox_url,
            "Temporal": f"{site.temporal_ui_url}/namespaces/default/workflows",
            **self._dashboard(site),
            "API": f"{site.api_url}/docs  (write key: {site.write_key})",
            "Look in": f". {_short(site.data / 'env')} && .venv/bin/python starter.py show CONTACT",
        }
        self._console.print()
        for name, address in rows.items():
            self._console.print(f"  {name:<10} {address}", soft_wrap=True, highlight=False)
        self._console.print()

    def _dashboard(self, site: Site) -> dict[str, str]:
        if not self._password:
            return {}
        return {
            "Dashboard": f"{site.api_url}/staff  (name: {OPERATOR}, password: {self._password})"
        }


def _standing(database: Database) -> Standing:
    from sekvens.flows.catalogue import CATALOGUE

    return read_standing(database, [flow.name for flow in CATALOGUE])


def _arrived(site: Site) -> int:
    """Count the e-mails that the local SES took."""
    url = f"{site.inbox_url}/_local/messages"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  our own address
            listed = json.load(answer)
    except OSError as error:
        raise SekvensError(f"the local SES does not answer at {url}: {error}") from error
    return len(listed["messages"] if isinstance(listed, dict) else listed)


def _short(path: Path) -> Path:
    with contextlib.suppress(ValueError):
        return path.relative_to(Path.cwd())
    return path
