"""`flows history`, `moves` and `undo`, and what `flows diff` shows: flows as they change, live."""

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import check_published, login_name, open_database
from sekvens.commands.tables import make_console, make_table, minute, print_table, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from sekvens.db.session import Database
    from sekvens.enrollments.forecast import Expected, Standing
    from sekvens.flows.changes import Change
    from sekvens.flows.definition import Flow

#: As `sekvens.flows.moving.Policy` has them: written out, for help must not cost an import.
POLICIES = ("finish_old", "move_at_next_step", "recompute_waits")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What the catalogue's version of a flow changes of what is published."""

    flow: str
    written: int
    live: int | None  #: None: nobody may enter it yet
    changes: "tuple[Change, ...]"
    standing: "tuple[Standing, ...]"
    without_successor: tuple[str, ...]  #: steps of which a version that moves people has to say it


@click.command()
@click.argument("name", required=False, metavar="[FLOW]")
def history(name: str | None) -> None:
    """List the versions of all flows, or of one: when, by whom, why, and what they did to whom.

    Times are wall time, in UTC.

    Example: starter.py flows history welcome
    """
    from rich.markup import escape

    from sekvens.enrollments import stranded, versions

    columns = ("flow", "version", "published", "policy", "under way", "author", "note")
    table = make_table(*columns)
    with open_database() as database, database.read() as session:
        check_published(session, name)
        rows = versions.history(session, name)
        for row in rows:
            at = stranded.standing_at(session, row.flow)
            there = sum(count for (version, _), count in at.items() if version == row.version)
            undoes = f"undoes v{row.undoes}" if row.undoes else ""
            note = ", ".join(part for part in (undoes, row.note) if part) or "-"
            table.add_row(
                row.flow,
                f"v{row.version}" + (", live" if row.live else ""),
                minute(row.published_at),
                row.policy,
                f"{there:,}",
                escape(printable(row.author or "-")),
                escape(printable(note)),
            )
    print_table(table, empty="Nothing is published.")


@click.command()
@click.argument("name", required=False, metavar="[FLOW]")
def moves(name: str | None) -> None:
    """Tell how far the moves to each version have come that moves those under way.

    `waiting` have not been told yet, `moving` have been and their workflow has not gone over,
    `moved` have, as far as deliveries are kept. Times are wall time, in UTC.

    Example: starter.py flows moves
    """
    from sekvens.enrollments.moves import progress

    columns = ("flow", "version", "policy", "waiting", "moving", "moved", "moving since")
    table = make_table(*columns)
    with open_database() as database, database.read() as session:
        check_published(session, name)
        found = progress(session, name)
    for each in found:
        counts = (f"{count:,}" for count in (each.waiting, each.moving, each.moved))
        table.add_row(each.flow, f"v{each.version}", each.policy, *counts, minute(each.oldest_at))
    print_table(table, empty="No version moves anybody.")


@click.command()
@click.argument("name", metavar="FLOW")
@click.option("--note", help="Why, for `flows history`.")
@click.option("--author", help="Who; by default the name of your login.")
@click.option("--dry-run", is_flag=True, help="Undo nothing; say what would change for whom.")
def undo(name: str, note: str | None, author: str | None, *, dry_run: bool) -> None:
    """Take FLOW's live version back: publish the one before it again, and move people back to it.

    Whoever is under way in the live version goes on in the one before, and whoever has not gone on
    since they were moved stands as before. To undo an undo is to bring back what it took.

    Example: starter.py flows undo welcome --note "the new text has a wrong price"
    """
    from sekvens.clock import SystemClock
    from sekvens.enrollments import versions

    if dry_run:
        _show_undo(name)
        return
    now = SystemClock().now()
    with open_database() as database, database.write() as session:
        undone = versions.undo(session, name, author=author or login_name(), note=note, now=now)
        version, took = undone.version, undone.undoes
    click.echo(
        f"{name} v{version} is published and undoes v{took}; `starter.py flows moves {name}` tells "
        f"who has been moved. Undo the change in the flow's file, too, and set version={version}."
    )


def _show_undo(name: str) -> None:
    """Say what `undo` would bring back, for whom, and that it has not."""
    from sekvens.enrollments.versions import plan_undo

    with open_database() as database, database.read() as session:
        plan = plan_undo(session, name)
        now = _shop_now()
        found = difference(session, plan.flow, now=now, digests=plan.brings.templates)
    moved = tuple(each for each in found.standing if each.version >= plan.takes.version)
    found = replace(found, standing=moved, without_successor=())
    click.echo(
        f"v{plan.brings.version} of {name} would be published again as v{plan.flow.version}, and "
        f"v{plan.takes.version} taken back. Whoever has not gone on since they were moved would "
        "stand as before."
    )
    _show(found, [plan.policy])
    click.echo("Nothing is undone.")


def show_differences(
    database: "Database", flows: "Sequence[Flow]", *, as_json: bool = False, policy: str = ""
) -> None:
    """Show what flows change of what is published; of one policy, or of all."""
    now = _shop_now()
    with database.read() as session:
        found = [difference(session, flow, now=now) for flow in flows]
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2, default=_plain))
        return
    changed = [each for each in found if each.live is None or each.changes]
    for each in changed:
        _show(each, (policy,) if policy else POLICIES)
    if not changed:
        click.echo("Nothing differs from what is published.")


def _shop_now() -> "datetime":
    from sekvens.clock import SystemClock
    from sekvens.settings import load_settings

    return load_settings().shop_time().at(SystemClock().now())


def difference(
    session: "Session", flow: "Flow", *, now: "datetime", digests: "Mapping[str, str] | None" = None
) -> Difference:
    """Compare a flow with what is published of it; `now` is shop time.

    `digests` are those of its templates; without them they are what publishing the files would
    make of them now.
    """
    from sekvens.enrollments.forecast import forecast, versions_under_way
    from sekvens.enrollments.publish import pinned_flow
    from sekvens.enrollments.stranded import successors_into, without_successor
    from sekvens.enrollments.versions import history
    from sekvens.flows.changes import changes
    from sekvens.flows.graph import compile_flow

    rows = history(session, flow.name)
    shown = next((row for row in rows if row.live), rows[0] if rows else None)
    if shown is None:
        return Difference(
            flow=flow.name, written=flow.version, live=None, changes=(), standing=(),
            without_successor=(),
        )  # fmt: skip
    new, successors = compile_flow(flow), successors_into(session, flow)
    digests = _digests(session, flow) if digests is None else digests
    compared = {*versions_under_way(session, flow.name), shown.version}
    pinned = {version: pinned_flow(session, flow.name, version) for version in compared}
    edited = {
        version: [
            name for name, digest in each.templates.items() if digests.get(name, digest) != digest
        ]
        for version, each in pinned.items()
    }
    old = pinned[shown.version].graph
    return Difference(
        flow=flow.name,
        written=flow.version,
        live=shown.version,
        changes=tuple(changes(old, new, edited[shown.version], successors)),
        standing=tuple(forecast(session, new, edited=edited, successors=successors, now=now)),
        without_successor=tuple(step for step, _ in without_successor(session, flow)),
    )


def _digests(session: "Session", flow: "Flow") -> dict[str, str]:
    from sekvens.edits.merging import as_merged
    from sekvens.flows.survey import sends
    from sekvens.messages.templates import read_sources, stored

    names = {flow.template_of(step) for step in sends(flow)}
    return {name: as_merged(session, stored(read_sources(name))).digest for name in names}


def _show(found: Difference, policies: "Iterable[str]") -> None:
    console = make_console()
    if found.live is None:
        console.print(f"{found.flow} v{found.written} is not published yet.\n", markup=False)
        return
    title = f"{found.flow}: v{found.live} is published, v{found.written} is written"
    console.print(title, style="bold", markup=False)
    if found.written <= found.live:
        advice = f"  Set version={found.live + 1} in the flow's file to publish it."
        console.print(advice, markup=False)
    for change in found.changes:
        console.print(f"  - {change.text}", markup=False)
    for step in found.without_successor:
        console.print(
            f"  - to move people, name where they go on from {step}: successors=…", markup=False
        )
    _show_standing(found, list(policies))
    console.print()


def _show_standing(found: Difference, policies: "Sequence[str]") -> None:
    console = make_console()
    affected = [each for each in found.standing if each.changes]
    others = sum(each.enrollments for each in found.standing) - sum(
        each.enrollments for each in affected
    )
    if affected:
        table = make_table("version", "step", "under way", "goes on at", "changes ahead", *policies)
        for each in affected:
            expected = {str(policy): when for policy, when in each.expected.items()}
            table.add_row(
                f"v{each.version}",
                each.step or "-",
                f"{each.enrollments:,}",
                each.goes_on_at or "the end",
                str(len(each.changes)),
                *(_when(expected[policy]) for policy in policies),
            )
        console.print(table)
        console.print(
            "  Under each policy: about when their next e-mail would leave. These times are "
            "estimates: times of day,\n  restarts and holds are left out.",
            markup=False,
        )
    console.print(f"  {others:,} more are under way, and nothing ahead of them changes.")


def _when(expected: "Expected") -> str:
    said = [f"{expected.at_once:,} at once"] if expected.at_once else []
    if expected.earliest is not None:
        same = expected.earliest == expected.latest
        until = "" if same else f" to {minute(expected.latest)}"
        said.append(f"about {minute(expected.earliest)}{until}")
    if expected.unknown:
        said.append(f"{expected.unknown:,} not known")
    return "; ".join(said) or "-"


def _plain(value: object) -> str:
    from datetime import datetime

    return value.isoformat() if isinstance(value, datetime) else str(value)
