"""The services of a stack as processes, each started, killed, frozen and stopped by its id."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg

from sekvens.demo import services
from sekvens.demo.processes import ROOT, Processes, Service
from sekvens.demo.services import Site
from tests.e2e.postgresql import USER
from tests.ports import free_ports

T = TypeVar("T")

#: The machine may be busy: how long something may take that should take a moment.
PATIENCE = 240.0


@dataclass(frozen=True, kw_only=True)
class Services:
    """The processes of a site, and what operators do to them."""

    site: Site
    environ: Mapping[str, str]
    processes: Processes
    ses_options: Sequence[str] = ()  #: of the local SES's command line
    temporal_options: Sequence[str] = ()  #: of the Temporal dev server's

    def kill(self, *services: str) -> None:
        """Kill -9 services and their children, all at once; they may be started again."""
        process_ids = self.processes.process_ids()
        parents = [psutil.Process(process_ids[name]) for name in services]
        doomed = [*parents, *(child for each in parents for child in each.children(recursive=True))]
        for process in doomed:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(doomed[len(parents) :], timeout=PATIENCE)
        self.stop(*services)

    def is_running(self, service: str) -> bool:
        """Tell whether a service is there still; what a fault point has killed is not."""
        children = [each for each in self.processes._children if each.service.name == service]
        return any(child.process.poll() is None for child in children)

    def wait_for_its_end(self, service: str) -> None:
        """Wait until a service has died of a fault point; it may be started again."""
        eventually(lambda: not self.is_running(service), f"{service} has died")
        self.stop(service)

    def terminate(self, service: str) -> int:
        """Ask a service to stop, and wait for its exit code."""
        child = next(each for each in self.processes._children if each.service.name == service)
        child.process.terminate()
        return child.process.wait(PATIENCE)

    @contextmanager
    def frozen(self, service: str) -> Iterator[None]:
        """Freeze a service for the length of a block: it takes connections and says nothing."""
        process_id = self.processes.process_ids()[service]
        os.kill(process_id, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process_id, signal.SIGCONT)

    def stop(self, *services: str) -> None:
        """Stop services and wait for them."""
        self.processes.stop(*services)

    def start(self, *names_of_services: str, **environ: str) -> None:
        """Start services, and wait until all are ready; `worker-2` is a second worker."""
        self.start_only(*names_of_services, **environ)
        self.processes.wait_until_ready(timeout_seconds=PATIENCE)

    def start_of(self, checkout: Path, name: str, **environ: str) -> None:
        """Start a service of another checkout, and wait until all are ready."""
        service = self._service(name, environ)
        python, script, *rest = service.command
        command = [python, str(checkout / Path(script).relative_to(ROOT)), *rest]
        self.processes.start(replace(service, command=command))
        self.processes.wait_until_ready(timeout_seconds=PATIENCE)

    def start_only(self, *names_of_services: str, **environ: str) -> None:
        """Start services, and wait for none; `environ` is given to these alone."""
        for name in names_of_services:
            self.processes.start(self._service(name, environ))

    def _service(self, name: str, environ: Mapping[str, str]) -> Service:
        kind = re.sub(r"-\d+$", "", name)
        ports = self.site.ports
        if name != kind:
            worker_health, relay_health = free_ports(2)
            ports = replace(ports, worker_health=worker_health, relay_health=relay_health)
        service = _MAKERS[kind](replace(self.site, ports=ports))
        options = {"local-ses": self.ses_options, "temporal": self.temporal_options}.get(kind, ())
        return replace(
            service,
            name=name,
            command=[*service.command, *options],
            environ={**service.environ, **environ},
        )

    def log(self, service: str) -> str:
        """Read a service's log."""
        path = self.site.data / "logs" / f"{service}.log"
        return path.read_text(errors="replace") if path.exists() else ""


def eventually(probe: Callable[[], T | None], what: str, *, seconds: float = PATIENCE) -> T:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)


def postgresql_service(site: Site) -> Service:
    """Make the PostgreSQL of a site."""
    folder = Path(site.database.partition("host=")[2])

    def is_ready() -> bool:
        try:
            psycopg.connect(host=str(folder), user=USER, dbname="postgres").close()
        except psycopg.OperationalError:  # after a kill it recovers first
            return False
        return True

    command = [sys.executable, "-m", "tests.e2e.postgresql", str(folder)]
    # On SIGTERM it would wait for every client to leave.
    return Service(name="postgresql", command=command, is_ready=is_ready, stops_on=signal.SIGINT)


_MAKERS: dict[str, Callable[[Site], Service]] = {
    "postgresql": postgresql_service,
    "temporal": services.temporal,
    "local-ses": services.local_ses,
    "api": services.api,
    "relay": services.relay,
    "worker": services.worker,
}
