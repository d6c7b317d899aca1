"""`python -m sekvens.ses.local`: run a local SES until it is told to stop."""

import signal
import sys
from datetime import timedelta
from pathlib import Path

import click

from sekvens.ses.local.server import (
    DEFAULT_DAY_MAX,
    DEFAULT_RATE,
    LocalSes,
    LocalSesOptions,
    PortTaken,
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default=True, help="Port; 0 takes a free one.",
              type=click.IntRange(0, 65535))  # fmt: skip
@click.option("--data", default=Path("var/ses"), show_default=True, help="Folder of its log.",
              type=click.Path(file_okay=False, path_type=Path))  # fmt: skip
@click.option("--rate", default=DEFAULT_RATE, show_default=True, help="Messages a second.",
              type=click.FloatRange(min=0, min_open=True))  # fmt: skip
@click.option("--per-day", default=DEFAULT_DAY_MAX, show_default=True,
              help="Messages in 24 hours; -1: no limit.", type=click.IntRange(min=-1))  # fmt: skip
@click.option("--identity", "identities", multiple=True,
              help="A verified address or domain; repeatable. Without: all are.")  # fmt: skip
@click.option("--signature-age", default=300.0, show_default=True,
              help="Seconds after which a signature is refused.",
              type=click.FloatRange(min=0, min_open=True))  # fmt: skip
def main(
    *, host: str, port: int, data: Path, rate: float, per_day: int, identities: tuple[str, ...],
    signature_age: float,
) -> None:  # fmt: skip
    """Run a local Amazon SES with an inbox page. It sends nothing to anyone."""
    # The server stops on these and then raises them again, as a good program does; here that
    # should not look like a crash.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    options = LocalSesOptions(
        rate=rate,
        day_max=per_day,
        identities=frozenset(identity.lower() for identity in identities),
        signature_age_max=timedelta(seconds=signature_age),
    )
    try:
        local = LocalSes(data, options, host=host, port=port)
    except PortTaken as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    local.serve(lambda: click.echo(f"local SES listening on {local.url}"))


if __name__ == "__main__":
    main(prog_name="python -m sekvens.ses.local")
