"""`metrics`: the numbers that the shop steers by, printed or exported, and worked out anew."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_console, make_table, minute

if TYPE_CHECKING:
    from sekvens.metrics.reading import Number

DAYS = 30
_DATE = click.DateTime(["%Y-%m-%d"])


class Metrics(click.Group):
    """A group whose first command need not be named: `metrics nps` is `metrics show nps`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `show` before what names no command and asks for no help."""
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=Metrics)
def metrics() -> None:
    """Print or export the numbers that the shop steers by; without a command, `show`.

    What each of them means stands in docs/metrics.md, and in `metrics list`.

    Example: starter.py metrics open-rate --by flow
    """


@metrics.command()
@click.argument("names", nargs=-1)
@click.option("--since", type=_DATE, help="First day, YYYY-MM-DD. Default: 30 days before --until.")
@click.option("--until", type=_DATE, help="The day after the last. Default: tomorrow.")
@click.option(
    "--by", multiple=True, help="Such as flow, variant, segment, month; several: repeat it."
)
@click.option("--flow", help="Of this flow alone.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
)
def show(
    names: Sequence[str],
    *,
    since: datetime | None,
    until: datetime | None,
    by: Sequence[str],
    flow: str | None,
    form: str,
) -> None:
    """Show the metrics NAMES, or all that can be told apart so, each with its two sums.

    Days are those of the shop. A number of fewer than 30 is marked, and one that may still change
    because its window is open.

    Example: starter.py metrics show conversion --since 2026-03-01 --by step --flow welcome
    """
    from sekvens.clock import SystemClock
    from sekvens.metrics.reading import Asked, counted_at, days_owed, read
    from sekvens.metrics.rules import Rules
    from sekvens.settings import load_settings

    rules = Rules.of(load_settings())
    today = rules.day_of_wall(SystemClock().now())
    last = until.date() if until else today + timedelta(days=1)
    first = since.date() if since else last - timedelta(days=DAYS)
    asked = Asked(names=_chosen(names, by, flow), since=first, until=last, by=by, flow=flow)
    with open_database() as database, database.read() as session:
        numbers = read(session, asked, rules, today=today)
        at, owed = counted_at(session, rules), days_owed(session)
    if form == "table":
        _print_table(numbers, by)
        said = f"counted up to {minute(at)} UTC" if at else "nothing has been counted yet"
        click.echo(f"{first} to {last - timedelta(days=1)}; {said}.")
        if at is None or owed:
            click.echo(f"{owed} days and months are to be counted: starter.py metrics refresh")
    else:
        _export(numbers, first, last, form)


@metrics.command("list")
def list_() -> None:
    """List the metrics: what is divided by what, within which window, and what is left out.

    Example: starter.py metrics list
    """
    from rich.markup import escape

    from sekvens.metrics.definitions import METRICS

    table = make_table("metric", "numerator", "denominator", "window", "left out", "by")
    for metric in METRICS.values():
        told = (metric.above, metric.below, metric.window, metric.left_out)
        table.add_row(metric.name, *map(escape, told), ", ".join(metric.by) or "-")
    make_console().print(table)


@metrics.command()
@click.option("--all", "anew", is_flag=True, help="Count everything anew, from the first fact on.")
def refresh(*, anew: bool) -> None:
    """Count what has come since the last time. A worker does so by itself once an hour.

    Late facts correct the days that they belong to. After a change of `[metrics]` give `--all`.

    Example: starter.py metrics refresh --all
    """
    from sekvens.clock import SystemClock
    from sekvens.metrics.refresh import Refresher
    from sekvens.metrics.rules import Rules
    from sekvens.settings import load_settings

    rules = Rules.of(load_settings())
    with open_database() as database:
        refresher = Refresher(database=database, clock=SystemClock(), rules=rules)
        days = refresher.refresh(anew=anew)
    click.echo(f"{days} days and months have been counted.")


def _chosen(names: Sequence[str], by: Sequence[str], flow: str | None) -> list[str]:
    """Tell which metrics are meant: those that are named, or all that can be asked for so."""
    from sekvens.metrics.definitions import METRICS
    from sekvens.metrics.dimensions import COLUMNS
    from sekvens.metrics.reading import Asked, CannotTellApart

    unknown = [each for each in by if each not in (*COLUMNS, "segment")]
    if unknown:
        said = f"{unknown[0]!r} is none of {', '.join(COLUMNS)}"
        raise click.BadParameter(said, param_hint="--by")
    for name in names:
        if name not in METRICS:
            said = f"there is no metric {name!r}; there are {', '.join(METRICS)}"
            raise click.BadParameter(said, param_hint="NAMES")
    if names:
        beside = [METRICS[name].beside for name in names]
        return list(dict.fromkeys([*names, *(each for each in beside if each)]))

    def can(name: str) -> bool:
        try:
            Asked(names=[name], since=date.min, until=date.max, by=by, flow=flow)
        except CannotTellApart:
            return False
        return True

    chosen = [name for name in METRICS if can(name)]
    if not any(METRICS[name].denominator for name in chosen):
        raise CannotTellApart(f"no metric is counted by {' and '.join(by)} together")
    return chosen


def _print_table(numbers: "Sequence[Number]", by: Sequence[str]) -> None:
    from rich.markup import escape

    table = make_table("metric", *by, "", "of", "out of", "remark")
    for number in numbers:
        group = (
            escape(str(value)) if value is not None else "-" for value in number.group.values()
        )
        of, out_of = _sum(number.numerator), _sum(number.denominator)
        table.add_row(number.metric, *group, _value(number), of, out_of, escape(_remark(number)))
    make_console().print(table)


def _value(number: "Number") -> str:
    from sekvens.metrics.definitions import Unit

    if number.value is None:
        return "not known" if number.low is not None else "no data"
    match number.unit:
        case Unit.SHARE:
            return f"{number.value:.1%}"
        case Unit.SCORE:
            return f"{number.value:+.0f}"
        case Unit.DAYS:
            return f"{number.value:.0f} days"
        case _:
            return f"{number.value:,.2f}"


def _sum(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _remark(number: "Number") -> str:
    if number.without:
        return number.without
    said = ["n < 30"] if number.is_few else []
    if number.low is not None and number.high is not None:
        said.append(f"between {number.low:+,.2f} and {number.high:+,.2f}")
    return ", ".join([*said, *(["may still change"] if number.may_grow else [])])


def _export(numbers: "Sequence[Number]", first: date, last: date, form: str) -> None:
    import csv
    import json
    import sys

    rows: list[dict[str, Any]] = [
        {
            "metric": number.metric,
            "unit": number.unit.value,
            "since": first.isoformat(),
            "until": last.isoformat(),
            **number.group,
            "value": number.value,
            "numerator": number.numerator,
            "denominator": number.denominator,
            "low": number.low,
            "high": number.high,
            "is_few": number.is_few,
            "may_grow": number.may_grow,
            "without": number.without,
        }
        for number in numbers
    ]
    if form == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
