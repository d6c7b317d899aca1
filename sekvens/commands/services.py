"""`api`, `relay`, `local-ses`: the long-running processes, beside `worker.py`."""

import signal
import socket
import sys
from pathlib import Path

import click

from sekvens.errors import SettingsError


@click.command()
def api() -> None:
    """Serve the HTTP API: events in, and the links of e-mails.

    Example: starter.py api
    """
    import uvicorn

    from sekvens.clock import SystemClock
    from sekvens.db.session import Database
    from sekvens.health import health_port
    from sekvens.messages.links import check_secret
    from sekvens.prometheus.asked import tell_of
    from sekvens.service import log_to_stderr
    from sekvens.settings import load_settings
    from sekvens.web.app import create_app

    log_to_stderr()
    settings = load_settings()
    check_secret(settings.api)
    _check_free(settings.api.host, settings.api.port)
    database = Database(settings.database.url, pool_size=40)
    tell_of(database, SystemClock())
    app = create_app(settings, database, SystemClock(), beside=lambda: health_port("api"))
    # uvicorn raises the signal that stopped it once more when all is in order: that is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        app,
        host=settings.api.host,
        port=settings.api.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
    )


def _check_free(host: str, port: int) -> None:
    """Say in our words that nothing can listen there; uvicorn has an exit code of its own."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _name, address in found:
            with socket.socket(family, kind, protocol) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(address)
                tried.listen(1)
    except OSError as error:
        raise SettingsError(
            f"the API cannot listen on {host}:{port} ({error.strerror}): set api.host and api.port "
            "(SEKVENS_API__PORT)"
        ) from error


@click.command()
def relay() -> None:
    """Carry committed events to Temporal; several may run on PostgreSQL.

    Example: starter.py relay
    """
    from sekvens.commands.relaying import serve
    from sekvens.service import run_service

    code = run_service("relay", serve)
    if code:
        raise click.exceptions.Exit(code)


@click.command("local-ses")
@click.option("--port", default=8025, show_default=True, type=click.IntRange(0, 65535),
              help="Where it listens; 0: any free port.")  # fmt: skip
@click.option("--data", default=Path("var/ses"), show_default=True, help="Where it keeps the mail.",
              type=click.Path(path_type=Path, file_okay=False))  # fmt: skip
def local_ses(port: int, data: Path) -> None:
    """Serve a local SES with an inbox page, for everything but production.

    `python -m sekvens.ses.local --help` shows more that can be said.

    Example: starter.py local-ses --port 8025
    """
    from sekvens.ses.local.__main__ import main

    main.main(["--port", str(port), "--data", str(data)], prog_name="starter.py local-ses")
