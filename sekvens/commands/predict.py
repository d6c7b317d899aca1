"""`predict`: what contacts are expected to do, worked out, shown and tested."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from sekvens.commands.resources import find_contact, open_database
from sekvens.commands.tables import make_console, make_table, minute

if TYPE_CHECKING:
    from datetime import datetime

    from sekvens.predictions.tables import Prediction, PredictionModel
    from sekvens.predictions.wire import Worked


@click.group()
def predict() -> None:
    """Work out what contacts are expected to do, show it, and test it on what they did.

    Example: starter.py predict status
    """


@predict.command()
def run() -> None:
    """Work everything out now, here; a worker does so each day by itself.

    It may be stopped: the next run goes on where this one came to.

    Example: starter.py predict run
    """
    from sekvens.clock import SystemClock
    from sekvens.predictions.predicting import Predictor
    from sekvens.predictions.wire import Worked
    from sekvens.predictions.wording import worked_in_words
    from sekvens.settings import load_settings

    with open_database() as database, _progress() as show:
        shop_time = load_settings().shop_time()
        predictor = Predictor(database=database, clock=SystemClock(), shop_time=shop_time)
        worked = Worked()
        while not worked.is_over:
            worked = predictor.batch(worked, show)
    click.echo(worked_in_words(worked))
    _tell_runs()


@predict.command()
@click.argument("contact")
def show(contact: str) -> None:
    """Show what is expected of CONTACT, by which method, and what is next best.

    CONTACT is the shop's user id, an address, or a contact id. Times are shop time, in UTC.

    Example: starter.py predict show c-djjezhg34dpd7uoe
    """
    from sqlalchemy import select

    from sekvens.clock import SystemClock
    from sekvens.next_best.reading import wanted_next
    from sekvens.predictions.tables import Prediction
    from sekvens.settings import load_settings

    now = load_settings().shop_time().at(SystemClock().now())
    with open_database() as database, database.read() as session:
        whose = find_contact(session, contact).id
        query = select(Prediction).where(Prediction.contact_id == whose)
        rows = session.scalars(query.order_by(Prediction.kind)).all()
        wanted = wanted_next(session, whose, now=now)
    if not rows and not wanted:
        click.echo(f"Nothing is predicted of {whose}. `starter.py predict status` says why.")
        return
    table = make_table("what", "value", "by", "version", "as of")
    for row in rows:
        at = minute(row.computed_at)
        table.add_row(row.kind, _value_of(row), row.method, str(row.version), at)
    console = make_console()
    console.print(table)
    for place, each in enumerate(wanted, start=1):
        console.print(f"{place}. {each.product.product_id}: {each.reason['en']}{_due(each.due_on)}")


@predict.command()
def status() -> None:
    """Show the newest runs: what was chosen and why, and how far each has come.

    Example: starter.py predict status
    """
    _tell_runs()


@predict.command()
def backtest() -> None:
    """Test models and rules on the shop's own last 90 days, and print both.

    Nothing is written. A model is trusted only where it was better.

    Example: starter.py predict backtest
    """
    from sekvens.clock import SystemClock
    from sekvens.predictions.predicting import subjects
    from sekvens.settings import load_settings

    as_of = load_settings().shop_time().at(SystemClock().now())
    with open_database() as database, database.read() as session:
        learnt = {each.name: each.learn(session, as_of=as_of) for each in subjects()}
    for name, told in learnt.items():
        click.echo(f"{name}: {told.reason}.")
        if "kinds" in told.backtest:
            _print_backtest(told.backtest)
        elif told.backtest:
            _print_hits(told.backtest)


def _tell_runs() -> None:
    from sekvens.predictions import runs
    from sekvens.predictions.predicting import subjects

    with open_database() as database, database.read() as session:
        found = [(each.name, runs.newest(session, each.name)) for each in subjects()]
    for name, newest in found:
        click.echo(f"{name}: {_run_in_words(newest)}")


def _run_in_words(newest: "PredictionModel | None") -> str:
    if newest is None:
        return "nothing has been worked out yet: `starter.py predict run`, or a worker, does it."
    is_over = f"over at {minute(newest.finished_at)}" if newest.finished_at else "not over"
    return (
        f"version {newest.id}, as of {minute(newest.as_of)}, {is_over}; {newest.contacts:,} "
        f"contacts looked at, something is predicted of {newest.predicted:,}.\n  {newest.reason}."
    )


def _due(at: "datetime | None") -> str:
    return f", on {at:%Y-%m-%d} or so" if at else ""


def _value_of(row: "Prediction") -> str:
    return minute(row.falls_on) if row.falls_on else f"{row.value:.2f}"


def _print_backtest(told: Mapping[str, Any]) -> None:
    console = make_console()
    console.print(
        f"{told['customers']:,} customers as of {told['days']} days ago; "
        f"{told['active']:.1%} have ordered since."
    )
    table = make_table("kind", "measure (less is better)", "model", "rule", "chosen")
    for kind, row in told["kinds"].items():
        table.add_row(kind, row["measure"], f"{row['model']}", f"{row['rule']}", row["chosen"])
    console.print(table)
    for who in ("model", "rule"):
        figures = told[who]
        console.print(
            f"{who}: total {figures['total']:+.1%}, mean absolute error {figures['mae']}, "
            f"AUC {figures['auc']}"
        )


def _print_hits(told: Mapping[str, Any]) -> None:
    click.echo(
        f"Of {told['customers']:,} customers who bought something new in the last {told['days']} "
        f"days, one of ten was it of {told['model']:.1%} (what goes together) and of "
        f"{told['popularity']:.1%} (the most popular)."
    )


@contextmanager
def _progress() -> "Iterator[Callable[[Worked], None]]":
    """Show a bar on a terminal, and nothing in a pipe."""
    from rich.progress import Progress

    console = make_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Predicting", total=None)

        def show(worked: "Worked") -> None:
            progress.update(bar, completed=worked.contacts, description=worked.subject)

        yield show
