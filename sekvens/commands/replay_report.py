"""What `replay` says in the end: a table by flow and version, what breaks first, what to do."""

from typing import TYPE_CHECKING

from sekvens.commands.tables import make_table, printable

if TYPE_CHECKING:
    from rich.console import Console

    from sekvens.replays.tally import FlowTally, Tally

WHAT_TO_DO = (
    "Do not deploy this: enrollments under way would stand still. Make the change so that these "
    "histories replay, or guard it with Temporal's workflow.patched: docs/how-to/deploy.md."
)
#: So many files that cannot be read are named.
NAMED = 20


def report(console: "Console", tally: "Tally") -> None:
    """Print it."""
    table = make_table("flow", "version", "histories", "the same", "not the same")
    for each in tally.flows:
        broken = len(each.broken)
        counts = (each.histories, each.histories - broken, broken)
        version = str(each.version or "-")
        table.add_row(printable(each.flow), version, *(f"{count:,}" for count in counts))
    console.print(table)
    for each in tally.flows:
        if each.broken:
            _tell_first(console, each)
    for verdict in tally.unreadable[:NAMED]:
        console.print(f"{verdict.path}: {verdict.why}", markup=False)
    if len(tally.unreadable) > NAMED:
        console.print(f"… and {len(tally.unreadable) - NAMED:,} more that cannot be read")
    _sum_up(console, tally)


def _tell_first(console: "Console", tally: "FlowTally") -> None:
    first = tally.first
    name = f"{tally.flow} v{tally.version}" if tally.version else tally.flow
    at = f" at event {first.event_id}" if first.event_id else ""
    console.print(f"{printable(name)}{at}: {printable(first.why or '')}", markup=False)
    console.print(f"  {printable(first.workflow_id or '-')} in {first.path}\n", markup=False)


def _sum_up(console: "Console", tally: "Tally") -> None:
    broken = sum(len(each.broken) for each in tally.flows)
    if broken:
        console.print(f"{broken:,} of {tally.histories:,} histories do not replay. {WHAT_TO_DO}")
    if tally.unreadable:
        console.print(f"{len(tally.unreadable):,} files cannot be read, and were not replayed.")
    if tally.is_open:
        console.print(f"All of {tally.histories:,} histories replay.")
