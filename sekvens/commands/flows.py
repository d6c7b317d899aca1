"""`flows`: what is written in the catalogue, whether it may go live, and what is live."""

from typing import TYPE_CHECKING

import click

from sekvens.commands.backfill import backfill
from sekvens.commands.changing import POLICIES, history, moves, show_differences, undo
from sekvens.commands.modes import in_words, mode, modes_by_hand
from sekvens.commands.new_flow import new
from sekvens.commands.resources import (
    check_published,
    login_name,
    open_database,
    publish_flows,
)
from sekvens.commands.tables import make_console, make_table

if TYPE_CHECKING:
    from sekvens.flows.definition import Flow
    from sekvens.flows.validate import Known
    from sekvens.messages.templates import TemplateSource


@click.group()
def flows() -> None:
    """Write, list, explain, check, compare, publish and take back flows.

    Example: starter.py flows list
    """


for command in (new, history, moves, undo, mode, backfill):
    flows.add_command(command)


@flows.command("list")
def list_() -> None:
    """List the catalogue's flows and, where there is a database, the published versions.

    Example: starter.py flows list
    """
    from sekvens.flows.catalogue import CATALOGUE
    from sekvens.flows.graph import compile_flow
    from sekvens.flows.steps import Send

    published, by_hand = _published(), modes_by_hand()
    columns = ("flow", "written", "published", "mode", "purpose", "starts with", "e-mails")
    table = make_table(*columns)
    for flow in CATALOGUE:
        sends = sum(isinstance(step, Send) for step in compile_flow(flow).steps.values())
        table.add_row(
            flow.name,
            f"v{flow.version}",
            published.get(flow.name, "no"),
            in_words(flow, by_hand.get(flow.name, {})),
            flow.purpose,
            flow.trigger.name,
            str(sends),
        )
    make_console().print(table)


@flows.command()
@click.argument("name", required=False)
def steps(name: str | None) -> None:
    """Count who stands at which step, of the flow NAME or of all, by version.

    Those who are over are counted by why they left.

    Example: starter.py flows steps welcome
    """
    from sekvens.enrollments import queries

    with open_database() as database, database.read() as session:
        check_published(session, name)
        counts = queries.counts_by_step(session, name)
    console = make_console()
    if not counts:
        console.print("Nobody has entered it yet." if name else "Nobody has entered a flow yet.")
        return
    table = make_table("flow", "is", "step", "why they left", "enrollments")
    for each in counts:
        flow = f"{each.flow} v{each.version}"
        why = each.exit_reason or "-"
        table.add_row(flow, each.state, each.step_id or "-", why, f"{each.enrollments:,}")
    console.print(table)


@flows.command()
@click.argument("name")
@click.option("--mermaid", is_flag=True, help="As a Mermaid diagram.")
def explain(name: str, *, mermaid: bool) -> None:
    """Explain the flow NAME in plain words, or as a diagram.

    Example: starter.py flows explain welcome
    """
    from sekvens.flows.explain import as_mermaid, as_text

    flow = _from_catalogue(name)
    click.echo(as_mermaid(flow) if mermaid else as_text(flow), nl=False)


@flows.command()
def validate() -> None:
    """Check every flow of the catalogue; each fault comes with its step, its file and a remedy.

    Example: starter.py flows validate
    """
    from sekvens.flows.catalogue import CATALOGUE
    from sekvens.flows.modes import cautions

    _stop_at_faults()
    for flow in CATALOGUE:
        for caution in cautions(flow, {}):
            click.echo(f"Mind: {caution}.", err=True)
    click.echo(f"{len(CATALOGUE)} flows, no faults.")


@flows.command()
@click.argument("names", nargs=-1, metavar="[FLOW]...")
@click.option("--policy", type=click.Choice(POLICIES), default=POLICIES[0], show_default=True,
              help="What the new versions do to those under way.")  # fmt: skip
@click.option("--note", help="Why, for `flows history`.")
@click.option("--author", help="Who; by default the name of your login.")
@click.option("--dry-run", is_flag=True, help="Publish nothing; say what would change for whom.")
def publish(
    names: tuple[str, ...], policy: str, note: str | None, author: str | None, *, dry_run: bool
) -> None:
    """Publish flows with their e-mails, all or each FLOW: new contacts enter these versions.

    A version that is published never changes, nor does its policy, so that this is harmless when
    nothing is new. `finish_old` lets those under way finish the version that they entered;
    `move_at_next_step` moves them, and waits that run end as they would have; `recompute_waits`
    moves them and counts these waits anew from when they began.

    Example: starter.py flows publish welcome --policy recompute_waits --note "two days are enough"
    """
    from sekvens.audiences.look_back import check_look_back
    from sekvens.clock import SystemClock
    from sekvens.enrollments.publish import Change
    from sekvens.flows.catalogue import CATALOGUE
    from sekvens.flows.moving import Policy
    from sekvens.settings import load_settings

    settings = load_settings()
    chosen = [_from_catalogue(name) for name in names] or list(CATALOGUE)
    check_look_back(settings.privacy, CATALOGUE)
    _stop_at_faults()  # a published version keeps its faults for ever
    off = [name for name in settings.flows.off if not names or name in names]
    change = Change(policy=Policy(policy), author=author or login_name(), note=note)
    with open_database() as database:
        if dry_run:
            show_differences(database, chosen, policy=policy)
            click.echo("Nothing is published.")
            return
        published = publish_flows(database, SystemClock(), off=off, flows=chosen, change=change)
    for flow, is_open in published.items():
        click.echo(f"{flow} is published" + ("" if is_open else ", and off: nobody enters it"))


@flows.command()
@click.argument("names", nargs=-1, metavar="[FLOW]...")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def diff(names: tuple[str, ...], *, as_json: bool) -> None:
    """Say what the catalogue changes of what is published, and what that would do to whom.

    For each step where somebody stands: how many, and when their next e-mail would leave under each
    policy. Times are shop time, in UTC, and estimates: times of day and holds are left out.

    Example: starter.py flows diff welcome
    """
    from sekvens.flows.catalogue import CATALOGUE

    chosen = [_from_catalogue(name) for name in names] or list(CATALOGUE)
    with open_database() as database:
        show_differences(database, chosen, as_json=as_json)


def _stop_at_faults() -> None:
    """Name every fault of the flows, else of their e-mails, and end the command if there is one."""
    from sekvens.flows.catalogue import CATALOGUE
    from sekvens.flows.validate import validate_all

    faults = [str(fault) for fault in validate_all(CATALOGUE, _known())]
    faults += _faults_of_topics(CATALOGUE)
    faults += _faults_of_feeds()
    faults = faults or _faults_of_e_mails({flow.name for flow in CATALOGUE})
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        raise click.exceptions.Exit(2)


def _faults_of_topics(flows: "tuple[Flow, ...]") -> list[str]:
    """Find topics of what does not exist: whoever leaves one out would get it all the same."""
    from sekvens.flows.survey import sends
    from sekvens.settings import load_settings

    places = {flow.name for flow in flows}
    places |= {f"{flow.name}/{step.id}" for flow in flows for step in sends(flow)}
    return [
        f"consent.topics.{name}: there is no flow or e-mail {place!r}; mend it in the settings."
        for name, topic in load_settings().consent.topics.items()
        for place in topic.flows
        if place not in places
    ]


def _faults_of_feeds() -> list[str]:
    from sekvens.feeds.reading import faults
    from sekvens.settings import load_settings

    return faults(load_settings().feeds)


def _faults_of_e_mails(flow_names: set[str]) -> list[str]:
    from sekvens.commands.preview import compose_sample
    from sekvens.errors import TemplateError
    from sekvens.messages.templates import template_names
    from sekvens.settings import load_settings

    faults, settings = [], load_settings()
    for name in template_names():
        for locale in settings.shop.locales if name.partition("/")[0] in flow_names else ():
            try:
                compose_sample(name, locale, settings)
            except TemplateError as error:
                faults.append(str(error))
    return faults


def _from_catalogue(name: str) -> "Flow":
    from sekvens.errors import UnknownFlow
    from sekvens.flows.catalogue import CATALOGUE

    for flow in CATALOGUE:
        if flow.name == name:
            return flow
    names = ", ".join(flow.name for flow in CATALOGUE)
    raise UnknownFlow(f"the catalogue has no flow {name!r}; it has {names}")


def _known() -> "Known":
    """Gather what exists outside the flows, from the files and the settings."""
    from datetime import timedelta

    from sekvens.contacts.tables import SuppressionReason
    from sekvens.events.schema import KNOWN_EVENTS
    from sekvens.flows.validate import Known
    from sekvens.messages.templates import read_sources, template_names
    from sekvens.settings import load_settings

    settings = load_settings()
    shop = settings.shop
    files = {name: read_sources(name) for name in template_names()}
    sources = {name: file.sources for name, file in files.items()}
    return Known(
        events=KNOWN_EVENTS,
        templates={
            locale: frozenset(name for name, source in sources.items() if locale in source)
            for locale in shop.locales
        },
        offers={name: timedelta(days=offer.days) for name, offer in shop.offers.items()},
        locales=shop.locales,
        second_subjects={
            locale: frozenset(
                name
                for name, source in sources.items()
                if _has_second_subject(source.get(locale, ""))
            )
            for locale in shop.locales
        },
        webhooks=frozenset(settings.webhooks),
        suppressions=frozenset(SuppressionReason),
        promotions={name: _promotions(file) for name, file in files.items()},
    )


def _promotions(file: "TemplateSource") -> list[str]:
    from sekvens.errors import TemplateError
    from sekvens.messages.promotion import promotions

    try:
        return promotions(file)
    except TemplateError:
        return []  # its own check says what is wrong with it


def _has_second_subject(source: str) -> bool:
    front_matter = source.removeprefix("---").partition("\n---")[0]
    return any(line.startswith("second_subject:") for line in front_matter.splitlines())


def _published() -> dict[str, str]:
    """Tell each flow's live version; nothing when the database is not there yet."""
    from sqlalchemy import inspect, select

    from sekvens.enrollments.tables import FlowVersion

    with open_database() as database:
        if not inspect(database.engine).has_table(FlowVersion.__tablename__):
            return {}
        with database.read() as session:
            live = session.execute(
                select(FlowVersion.flow, FlowVersion.version).where(FlowVersion.live)
            )
            return {flow: f"v{version}" for flow, version in live}
