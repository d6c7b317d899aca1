"""`demo` and `up`: every service on this machine, with or without a shop that is busy."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from sekvens.demo.ports import Ports


def _with_ports(command: "Callable[..., None]") -> "Callable[..., None]":
    for option, default, what in (
        ("--temporal-port", 7233, "Temporal"),
        ("--ui-port", 8233, "Temporal's UI"),
        ("--inbox-port", 8025, "the local SES with its inbox"),
        ("--api-port", 8080, "the API"),
    ):
        command = click.option(
            option,
            type=click.IntRange(1, 65535),
            default=default,
            show_default=True,
            help=f"Port of {what}; the next free one when it is taken.",
        )(command)
    return command


class _Seconds(click.FloatRange):
    """A length of time that comes to an end."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Refuse what is no number of seconds, `nan` and `inf` among it."""
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return seconds


@click.command()
@_with_ports
@click.option(
    "--day",
    type=_Seconds(),
    default=2.0,
    show_default=True,
    help="How many seconds a day of the shop lasts.",
)
@click.option(
    "--for",
    "for_seconds",
    type=_Seconds(),
    help="End after so many seconds; exit code 0 only if e-mails arrived and somebody left early.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="Where everything is kept; what an earlier demo left there is removed first.",
)
def demo(day: float, for_seconds: float | None, data: Path, **ports: int) -> None:
    """Show it all: start every service, open a sample shop, tell what happens until Ctrl-C.

    Example: starter.py demo --for 60 --day 4
    """
    _supervise(day_seconds=day, for_seconds=for_seconds, data=data, ports=_ports(**ports))


@click.command()
@_with_ports
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/up"),
    show_default=True,
    help="Where everything is kept, from one start to the next.",
)
def up(data: Path, **ports: int) -> None:
    """Start every service on this machine, in real time and with a local SES, until Ctrl-C.

    Example: starter.py up --api-port 8090
    """
    _supervise(day_seconds=86400.0, data=data, ports=_ports(**ports), fresh=False, with_shop=False)


def _ports(*, temporal_port: int, ui_port: int, inbox_port: int, api_port: int) -> "Ports":
    from sekvens.demo.ports import Ports

    return Ports(temporal=temporal_port, temporal_ui=ui_port, inbox=inbox_port, api=api_port)


def _supervise(**options: Any) -> None:
    from sekvens.commands.tables import make_console
    from sekvens.demo.supervisor import Options, supervise

    code = supervise(Options(**options), make_console())
    if code:
        raise click.exceptions.Exit(code)
