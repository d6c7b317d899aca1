"""Starts every service in order, tells what happens, and stops everything again.

Whatever ends it (Ctrl-C, SIGTERM, its own time, a service that broke), no process is left behind.
"""

import contextlib
import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from sekvens.clock import Clock, SystemClock
from sekvens.db.session import Database
from sekvens.demo import services
from sekvens.demo.feed import import_sample, import_sample_reviews
from sekvens.demo.folder import own_folder, write_environ
from sekvens.demo.misfortunes import tell_misfortunes
from sekvens.demo.narration import Narrator
from sekvens.demo.ports import ChosenPorts, Ports, reserve_ports
from sekvens.demo.processes import Processes
from sekvens.demo.report import Report
from sekvens.demo.services import Site
from sekvens.demo.settings import write_settings
from sekvens.demo.standing import Standing, read_standing
from sekvens.errors import SekvensError
from sekvens.settings import Settings, load_settings

READY_SECONDS = 60.0
POLL_SECONDS = 0.25
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


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

    def run(self) -> int:
        with (
            _stopped_by_signals(),
            own_folder(self._options.data, fresh=self._options.fresh) as data,
            reserve_ports(self._options.ports) as chosen,
        ):
            site = self._site(data, chosen)
            environ = site.environ(os.environ) | write_settings(site, os.environ)
            environ["TEMPORAL_CONFIG_FILE"] = str(data / "temporal.toml")
            (data / "temporal.toml").touch()  # empty: somebody's own profile must not be used
            settings = load_settings(environ)
            settings.shop_time()  # refuses quick days when SES is not local
            write_environ(data / "env", environ)
            database = Database(settings.database.url)
            processes = Processes(environ=environ, logs=data / "logs")
            try:
                self._start(site, settings, database, processes)
                return self._watch(site, settings, database, processes)
            except KeyboardInterrupt:
                self._console.print("\nStopping …")
                self._addresses(site)
                return 0
            finally:
                # Whoever is impatient presses Ctrl-C twice; stopping must still come to its end.
                _on_signals(signal.SIG_IGN)
                # Those that use Temporal and SES first, so that they end in good order.
                processes.stop("shop", "relay", "worker", "api")
                processes.close()
                database.close()

    def _site(self, data: Path, chosen: ChosenPorts) -> Site:
        for note in chosen.notes:
            self._console.print(f"[yellow]{note}[/]")
        return Site(
            ports=chosen.ports,
            data=data,
            day_seconds=self._options.day_seconds,
            origin=self._clock.now(),
            write_key=_kept(data / "write-key"),
            link_secret=_kept(data / "link-secret"),
        )

    def _start(
        self, site: Site, settings: Settings, database: Database, processes: Processes
    ) -> None:
        self._console.print(
            f"Starting the services; their logs are in {_short(site.data / 'logs')} …"
        )
        processes.start(services.temporal(site))
        processes.start(services.local_ses(site))
        _prepare_database(database, self._clock)
        if self._options.with_shop:
            import_sample(
                database,
                api_url=site.api_url,
                shop_time=settings.shop_time(),
                clock=self._clock,
            )
            import_sample_reviews(database, clock=self._clock)
        # The others would only wait for these two.
        processes.wait_until_ready(timeout_seconds=READY_SECONDS)
        if self._options.with_shop:
            tell_misfortunes(site)
        for service in (services.worker(site), services.api(site), services.relay(site)):
            processes.start(service)
        if self._options.with_shop:
            processes.start(services.shop(site))
        processes.wait_until_ready(timeout_seconds=READY_SECONDS)
        took = (self._clock.now() - site.origin).total_seconds()
        self._console.print(f"All are up, after {took:.1f} s.", highlight=False)
        self._addresses(site)

    def _watch(
        self, site: Site, settings: Settings, database: Database, processes: Processes
    ) -> int:
        ready_at = self._clock.now()
        if self._options.with_shop:
            services.open_shop(site, at=ready_at)
            self._console.print(
                f"A day passes in {site.day_seconds:g} s. The shop opens.\n", highlight=False
            )
        shop_time = settings.shop_time()
        narrator = Narrator(database, shop_time=shop_time, now=self._clock.now)
        report = Report(
            self._console,
            opened_at=shop_time.at(ready_at),
            ready_at=ready_at,
            standing=lambda: _standing(database),
        )
        ends_at = time.monotonic() + (self._options.for_seconds or float("inf"))
        told_to_stop = threading.Event()
        _on_signals(lambda *_: told_to_stop.set())  # no line is torn from here on
        while time.monotonic() < ends_at:
            processes.check()
            report.tell(narrator.news())
            if told_to_stop.wait(POLL_SECONDS):
                raise KeyboardInterrupt
        report.tell(narrator.news())
        return self._judge(site, _standing(database), report)

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
            "API": f"{site.api_url}/docs  (write key: {site.write_key})",
            "Look in": f". {_short(site.data / 'env')} && .venv/bin/python starter.py show CONTACT",
        }
        self._console.print()
        for name, address in rows.items():
            self._console.print(f"  {name:<9} {address}", soft_wrap=True, highlight=False)
        self._console.print()


def _prepare_database(database: Database, clock: Clock) -> None:
    from sekvens.commands.resources import publish_flows
    from sekvens.db.migrate import upgrade

    upgrade(database)
    publish_flows(database, clock)


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


def _kept(path: Path) -> str:
    """Read a secret, or make it at the first start, so that links outlive a restart."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(services.new_link_secret(), encoding="ascii")
    return path.read_text(encoding="ascii")


def _short(path: Path) -> Path:
    with contextlib.suppress(ValueError):
        return path.relative_to(Path.cwd())
    return path


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end it the way Ctrl-C does."""
    before = [signal.getsignal(number) for number in _SIGNALS]
    _on_signals(signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _on_signals(handler: Any) -> None:
    for number in _SIGNALS:
        signal.signal(number, handler)
