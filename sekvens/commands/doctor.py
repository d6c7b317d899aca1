"""`doctor`: a set-up looked over, and what to do about it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sekvens.commands.program import FAILED
from sekvens.commands.tables import make_console, make_table, printable

if TYPE_CHECKING:
    from sekvens.doctor.examine import Check
    from sekvens.doctor.findings import Finding
    from sekvens.doctor.set_up import SetUp

_COLOURS = {"ok": "green", "warning": "yellow", "fault": "bold red"}


def _resolver(_context: click.Context, _parameter: click.Parameter, given: str) -> str:
    from sekvens.doctor.names import address_of

    try:
        if given:
            address_of(given)
    except ValueError:
        raise click.BadParameter(
            f"{given!r} is no address: write 1.1.1.1, or 127.0.0.1:5353"
        ) from None
    return given


@click.command()
@click.option("--message", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="The source of a marketing e-mail as it was received.")  # fmt: skip
@click.option("--resolver", default="", callback=_resolver,
              help="Where SPF and DMARC are looked up; default: this machine's.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write the findings as JSON.")
def doctor(*, message: Path | None, resolver: str, as_json: bool) -> None:
    """Look a set-up over and say what to do: SES, its events, names, Temporal, database, settings.

    Run it where a worker runs, with the same environment. Nothing is changed or sent. What could
    not be asked is a warning; the exit code is 1 if there is a fault.

    Example: starter.py doctor --message received.eml --resolver 1.1.1.1
    """
    from sekvens.doctor.examine import examine

    found = examine(_set_up(message, resolver))
    if as_json:
        rows = [
            {"area": check.area, "check": check.name, "level": str(finding.level),
             "what": finding.what, "to_do": finding.to_do}
            for check, finding in found
        ]  # fmt: skip
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        _print(found)
    if any(finding.level == "fault" for _, finding in found):
        raise click.exceptions.Exit(FAILED)


def _set_up(message: Path | None, resolver: str) -> "SetUp":
    import os

    from sekvens.clock import SystemClock
    from sekvens.db import tables  # noqa: F401  every table must be known to the others
    from sekvens.doctor.aws import BotoAws
    from sekvens.doctor.names import DnsNames
    from sekvens.doctor.set_up import SetUp
    from sekvens.doctor.temporal_checks import ask_temporal
    from sekvens.doctor.version_checks import ask_versions
    from sekvens.settings import SAMPLE_SHOP, load_settings

    settings = load_settings()
    named = os.environ.get("SEKVENS_SETTINGS")
    return SetUp(
        settings=settings,
        is_sample=Path(named or "sekvens.toml").resolve() == SAMPLE_SHOP
        or not (named or Path("sekvens.toml").exists()),
        clock=SystemClock(),
        aws=BotoAws(settings),
        names=DnsNames(resolver),
        temporal=ask_temporal,
        versions=ask_versions,
        message=message,
    )


def _print(found: "list[tuple[Check, Finding]]") -> None:
    from rich.markup import escape

    console, area = make_console(), ""
    table = make_table("", "check", "", "what was found", "what to do")
    for check, finding in found:
        table.add_row(
            check.area if check.area != area else "",
            check.name,
            f"[{_COLOURS[finding.level]}]{finding.level}[/]",
            escape(printable(finding.what)),
            escape(printable(finding.to_do)),
        )
        area = check.area
    console.print(table)
    counts = {
        level: sum(finding.level == level for _, finding in found)
        for level in ("fault", "warning", "ok")
    }
    console.print(
        f"{counts['fault']} faults, {counts['warning']} warnings, {counts['ok']} in order"
    )
