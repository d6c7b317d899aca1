"""Contacts lived per second, over all flows at once, against the interpreter alone in the same run.

One thread, and seconds of its own processor time. The baseline is one contact in one flow (welcome,
all the way) on the pure driver of scenarios: no scans, no gate, no other flow, nothing looked over.
`python -m bench.stories [--short] [--profile]`
"""

import cProfile
import itertools
import pstats
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bench.harness import Figure, arguments, machine, say, show
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.graph import compile_flow
from sekvens.settings import load_settings
from sekvens.simulator.driver import run_scenario
from sekvens.simulator.foresight import live
from sekvens.simulator.population import people
from sekvens.simulator.scenario import Scenario
from sekvens.simulator.stage import Stage, set_stage
from sekvens.simulator.story import Population, Story
from sekvens.simulator.telling import Outcome, tell

START = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
DAYS = 90
CONTACTS = 20_000
CONTACTS_SHORT = 200
PROFILED = 500


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__ or "", ("--profile", "show where the time goes"))
    print(machine())
    count = CONTACTS_SHORT if given.short else CONTACTS
    story = Story(
        name="bench", about="", starts=START, days=DAYS, population=Population(contacts=count)
    )
    stage = set_stage(story, load_settings({}), CATALOGUE)
    if given.profile:
        _profile(stage)
        return
    say(f"{count:,} contacts, {DAYS} days, {len(stage.graphs)} flows")
    alone = _seconds(lambda: _scenarios(count))
    lived = _seconds(lambda: _lived(stage, count))
    outcomes: list[Outcome] = []
    seconds = _seconds(lambda: outcomes.append(_told(stage, count)))
    emails = outcomes[0].emails / count
    show(
        f"Contacts lived through {DAYS} days, by one thread",
        [
            Figure(
                name="one flow, no gate", per_second=count / alone, note="the pure driver alone"
            ),
            Figure(name="all flows", per_second=count / lived, note=f"{emails:.1f} e-mails each"),
            Figure(
                name="all flows, counted, looked over",
                per_second=count / seconds,
                note=f"{seconds:.1f} s for {count:,}: what `simulate` does",
            ),
        ],
        unit="contacts",
    )


def _scenarios(count: int) -> None:
    graph = compile_flow(next(flow for flow in CATALOGUE if flow.name == "welcome"))
    scenario = Scenario(
        flow="welcome", start=START, zone="Europe/Stockholm", entry_key=None, subscribed=True,
        traits={}, past=(), events=(), outcomes={}, offers={"welcome": timedelta(days=14)},
    )  # fmt: skip
    for _ in range(count):
        run_scenario(graph, scenario)


def _lived(stage: Stage, count: int) -> None:
    for person in people(Population(contacts=count), days=DAYS):
        live(stage, person)


def _told(stage: Stage, count: int) -> Outcome:
    outcome = tell(stage, people(Population(contacts=count), days=DAYS), timelines=0)
    assert not outcome.broken
    return outcome


def _seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _profile(stage: Stage) -> None:
    profile = cProfile.Profile()
    drawn = itertools.islice(people(Population(contacts=PROFILED), days=DAYS), PROFILED)
    profile.runcall(tell, stage, drawn, timelines=0)
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
