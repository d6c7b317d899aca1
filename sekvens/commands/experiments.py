"""`experiments`: what is being compared, what is known of it, and what becomes of it."""

from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import login_name, open_database
from sekvens.commands.tables import make_console, make_table, minute

if TYPE_CHECKING:
    from datetime import datetime

    from sekvens.experiments.measuring import Measured, Tally
    from sekvens.experiments.reading import Results


@click.group()
def experiments() -> None:
    """Plan, watch and end experiments and holdouts; to read their figures decides nothing.

    Example: starter.py experiments list
    """


@experiments.command("list")
def list_() -> None:
    """List the experiments and holdouts that contacts have come to.

    Example: starter.py experiments list
    """
    from sekvens.experiments.reading import listed
    from sekvens.experiments.wording import verdict_in_words

    table = make_table("experiment", "state", "drawn", "planned", "looks", "what is known")
    with open_database() as database, database.read() as session:
        for each in listed(session):
            begun, plan = each.experiment, each.plan
            state = begun.state if begun.adopted is None else f"{begun.state}: {begun.adopted}"
            table.add_row(
                begun.name,
                state,
                f"{each.drawn:,}",
                "-" if plan.contacts is None else f"{plan.contacts:,}",
                "-" if plan.is_holdout else f"{each.looks_taken} of {plan.looks}",
                "see `experiments show`" if plan.is_holdout else verdict_in_words(each.look),
            )
    if not table.row_count:
        click.echo("No contact has come to an experiment or a holdout yet.")
        return
    make_console().print(table)


@experiments.command()
@click.argument("name")
def show(name: str) -> None:
    """Show what the experiment or holdout NAME has come to, with intervals.

    Only contacts count whose time is over. The intervals of an experiment are those of its newest
    planned look.

    Example: starter.py experiments show cart-abandonment/subject
    """
    from sekvens.clock import SystemClock
    from sekvens.experiments.reading import results
    from sekvens.settings import load_settings

    settings = load_settings()
    now, currency = settings.shop_time().at(SystemClock().now()), settings.shop.currency
    with open_database() as database, database.read() as session:
        found = results(session, name, now=now, shop=settings.shop)
    for line in _shown(found, currency=currency, now=now):
        click.echo(line)


@experiments.command()
@click.argument("flow")
@click.option("--lift", type=click.FloatRange(min=0.1), default=15.0, show_default=True,
              help="How much better it is hoped to be, in per cent of today.")  # fmt: skip
@click.option("--measure", type=click.Choice(["clicks", "orders", "revenue"]), default="orders",
              show_default=True, help="What decides.")  # fmt: skip
@click.option("--variants", type=click.IntRange(min=2), default=2, show_default=True,
              help="How many ways are compared, with equal weights.")  # fmt: skip
@click.option("--looks", type=click.IntRange(min=1, max=60), default=10, show_default=True,
              help="How often it may be decided.")  # fmt: skip
@click.option("--days", type=click.IntRange(min=1), default=90, show_default=True,
              help="Look at those who entered in so many days.")  # fmt: skip
def plan(flow: str, *, lift: float, measure: str, variants: int, looks: int, days: int) -> None:
    """Tell how many contacts an experiment in FLOW needs, and how long that takes.

    By what those did who entered FLOW lately. Nothing is begun.

    Example: starter.py experiments plan cart-abandonment --lift 20 --measure orders
    """
    from datetime import timedelta

    from sekvens.clock import SystemClock
    from sekvens.enrollments.publish import live_flow
    from sekvens.experiments.plan import WITHIN_DEFAULT
    from sekvens.experiments.planning import needed, today_of
    from sekvens.flows.steps import Measure
    from sekvens.settings import load_settings

    settings = load_settings()
    now = settings.shop_time().at(SystemClock().now())
    with open_database() as database, database.read() as session:
        goal = live_flow(session, flow).flow.goal
        within = WITHIN_DEFAULT if goal is None else goal.within
        today, rate = today_of(
            session, flow, within=within, looks_back=timedelta(days=days), now=now,
            currency=settings.shop.currency,
        )  # fmt: skip
    found = needed(
        Measure(measure), today, lift=lift / 100, variants=variants, looks=looks, rate=rate,
        within=within,
    )  # fmt: skip
    click.echo(
        f"Today: {rate:,.1f} new contacts a day enter {flow}; of {today.contacts:,} whose time is "
        f"over, {today.clicks.some:,} clicked and {today.orders.some:,} ordered."
    )
    if found is None:
        click.echo(f"Nothing is known of {measure} yet: wait until some of them have.")
        return
    lasts = "nobody enters now" if found.days is None else f"about {found.days:,.0f} days from now"
    click.echo(
        f"{found.contacts:,} contacts find a lift of {lift:g} % in {measure} four times in five, "
        f"with {variants} variants and {looks} looks: {lasts}."
    )


@experiments.command()
@click.argument("name")
@click.argument("variant")
@click.option("--anyway", is_flag=True, help="Also if no look has shown that it is better.")
def adopt(name: str, variant: str, *, anyway: bool) -> None:
    """Let VARIANT of the experiment NAME be the way for all who have not drawn.

    Who has drawn keeps their variant. Nobody draws any more.

    Example: starter.py experiments adopt cart-abandonment/subject second-subject
    """
    from sekvens.clock import SystemClock
    from sekvens.experiments import looking
    from sekvens.settings import load_settings

    now = load_settings().shop_time().at(SystemClock().now())
    with open_database() as database, database.write() as session:
        looking.adopt(session, name, variant, by=login_name(), now=now, anyway=anyway)
    click.echo(f"{name}: whoever has not drawn gets {variant} from now on")


@experiments.command()
@click.argument("name")
def stop(name: str) -> None:
    """End the experiment or holdout NAME without a winner.

    Who has not drawn gets the first variant; of a flow's holdout, nobody is held out any more.

    Example: starter.py experiments stop cart-abandonment/subject
    """
    from sekvens.clock import SystemClock
    from sekvens.experiments import looking
    from sekvens.settings import load_settings

    now = load_settings().shop_time().at(SystemClock().now())
    with open_database() as database, database.write() as session:
        variant = looking.stop(session, name, by=login_name(), now=now)
    click.echo(f"{name} is stopped: whoever has not drawn gets {variant} from now on")


def _shown(found: "Results", *, currency: str, now: "datetime") -> list[str]:
    from sekvens.experiments import wording

    begun, plan, look = found.experiment, found.plan, found.look
    lines = [f"{begun.name}, since {minute(begun.began_at)}: {begun.state}"]
    if begun.adopted is not None:
        by = begun.decided_by or "the look"
        lines += [f"{begun.adopted} since {minute(begun.decided_at)}, by {by}"]
    lines += [wording.plan_in_words(plan), *_counts(found.measured, currency, now)]
    effects = [] if found.seen is None else [
        *wording.effects_in_words(plan, found.seen, currency=currency)
    ]  # fmt: skip
    if plan.is_holdout and found.seen is not None:
        gained = wording.gained_in_words(found.seen, currency=currency)
        return [*lines, *effects, *gained, wording.honesty_in_words(plan, is_decided=False)]
    known = wording.verdict_in_words(look)
    lines += [f"{found.looks_taken} of {plan.looks} looks: {known}", *effects]
    is_over = found.next_look is None
    if not is_over:
        lines += [wording.next_look_in_words(plan, look, found.measured.contacts)]
    return [*lines, wording.honesty_in_words(plan, is_decided=is_over)]


def _given(tally: "Tally", currency: str) -> str:
    """Say what offers have taken off that already, if they have."""
    parts = (
        (tally.discounts, "by codes"),
        (tally.cost, "as gifts and the like"),
    )
    told = [
        f"{each.total:,.2f} {currency} {what} ({each.mean:,.2f} a contact)"
        for each, what in parts
        if each.some
    ]
    return f", after {' and '.join(told)}" if told else ""


def _counts(measured: "Measured", currency: str, now: "datetime") -> list[str]:
    lines = [f"Contacts whose time is over, at {minute(now)}:"]
    for name, tally in measured.tallies.items():
        lines.append(
            f"  {name}: {tally.contacts:,} of {measured.drawn.get(name, 0):,} drawn, "
            f"{tally.clicks.some:,} clicked, {tally.orders.some:,} ordered, "
            f"{tally.revenue.total:,.2f} {currency}{_given(tally, currency)}"
        )
    if measured.foreign:
        lines.append(f"  {measured.foreign:,} orders in another currency count as no revenue")
    return lines
