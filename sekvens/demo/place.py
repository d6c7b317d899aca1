"""A place on this machine where every service runs: a folder, ports, a database, processes.

Whatever ends it (Ctrl-C, SIGTERM, a service that broke), no process is left behind.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from rich.console import Console

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.demo import services
from sekvens.demo.folder import own_folder, write_environ
from sekvens.demo.ports import ChosenPorts, Ports, reserve_ports
from sekvens.demo.processes import Processes
from sekvens.demo.services import Site
from sekvens.demo.settings import write_settings
from sekvens.settings import Settings, load_settings

READY_SECONDS: Final = 60.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_NOTHING_SET: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the services run, or will."""

    site: Site
    environ: Mapping[str, str]  #: of every service
    settings: Settings  #: as the services read them
    database: Database
    processes: Processes

    def start(self, clock: Clock, *, prepare: "Callable[[Place], None] | None" = None) -> None:
        """Start every service and wait until all are ready; `prepare` comes before the worker.

        Raises:
            TemporalMissing: Temporal's dev server is not installed.
            ServiceStopped: a service ended by itself, or was not ready in time.
        """
        site, processes = self.site, self.processes
        processes.start(services.temporal(site))
        processes.start(services.local_ses(site))
        _prepare_database(self.database, clock)
        if prepare is not None:
            prepare(self)
        # The others would only wait for these two.
        processes.wait_until_ready(timeout_seconds=READY_SECONDS)
        for service in (services.worker(site), services.api(site), services.relay(site)):
            processes.start(service)
        processes.wait_until_ready(timeout_seconds=READY_SECONDS)


@contextlib.contextmanager
def place(
    console: Console,
    clock: Clock,
    *,
    day_seconds: float,
    data: Path,
    fresh: bool,
    ports: Ports,
    environ: Mapping[str, str] = _NOTHING_SET,
    with_story: bool = False,
) -> Iterator[Place]:
    """Have a place for the services for the length of a block, and stop all of them after it.

    `environ` is set for every service, over what the place itself sets. `with_story`: the settings
    are those of the demo's shop.

    Raises:
        SekvensError: a setting is refused, no port is free, or the folder is somebody else's.
    """
    with (
        _stopped_by_signals(),
        own_folder(data, fresh=fresh) as folder,
        reserve_ports(ports) as chosen,
    ):
        site = _site(folder, chosen, console, clock, day_seconds)
        settings_file = write_settings(site, os.environ, with_story=with_story)
        given = {**site.environ(os.environ), **settings_file, **environ}
        given["TEMPORAL_CONFIG_FILE"] = str(folder / "temporal.toml")
        (folder / "temporal.toml").touch()  # empty: somebody's own profile must not be used
        settings = load_settings(given)
        settings.shop_time()  # refuses quick days when SES is not local
        write_environ(folder / "env", given)
        database = Database(settings.database.url)
        processes = Processes(environ=given, logs=folder / "logs")
        try:
            yield Place(
                site=site, environ=given, settings=settings, database=database, processes=processes
            )
        finally:
            # Whoever is impatient presses Ctrl-C twice; stopping must still come to its end.
            on_signals(signal.SIG_IGN)
            # Those that use Temporal and SES first, so that they end in good order.
            processes.stop("shop", "relay", "worker", "api")
            processes.close()
            database.close()


def on_signals(handler: Any) -> None:
    """Let a handler take whatever ends a command."""
    for number in _SIGNALS:
        signal.signal(number, handler)


def _site(
    data: Path, chosen: ChosenPorts, console: Console, clock: Clock, day_seconds: float
) -> Site:
    for note in chosen.notes:
        console.print(f"[yellow]{note}[/]")
    return Site(
        ports=chosen.ports,
        data=data,
        day_seconds=day_seconds,
        origin=clock.now(),
        write_key=_kept(data / "write-key"),
        link_secret=_kept(data / "link-secret"),
    )


def _prepare_database(database: Database, clock: Clock) -> None:
    from sekvens.commands.resources import publish_flows
    from sekvens.db.migrate import upgrade

    upgrade(database)
    publish_flows(database, clock)


def _kept(path: Path) -> str:
    """Read a secret, or make it at the first start, so that links outlive a restart."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(services.new_link_secret(), encoding="ascii")
    return path.read_text(encoding="ascii")


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end it the way Ctrl-C does."""
    before = [signal.getsignal(number) for number in _SIGNALS]
    on_signals(signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)
