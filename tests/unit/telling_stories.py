"""What tests of stories share: a stage with every flow, and people by their sentences."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sekvens.flows.catalogue import CATALOGUE
from sekvens.settings import load_settings
from sekvens.simulator.acts import read_act
from sekvens.simulator.foresight import live
from sekvens.simulator.moments import Lived, What
from sekvens.simulator.reading import read_story
from sekvens.simulator.stage import Stage, set_stage
from sekvens.simulator.story import Outage, Person, Story

START = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
HOME = "Europe/Stockholm"


def a_stage(days: int = 90, *, outages: tuple[Outage, ...] = (), **sending: object) -> Stage:
    story = Story(
        name="a-test", about="", starts=START, days=days, outages=outages, sending=sending
    )
    return set_stage(story, load_settings({}), CATALOGUE)


def somebody(*does: str, zone: str = HOME, traits: Mapping[str, str] | None = None) -> Person:
    acts = tuple(read_act(sentence) for sentence in does)
    return Person(name="anna", zone=zone, traits=traits or {}, acts=acts)


def told(*does: str, stage: Stage | None = None, zone: str = HOME, **traits: str) -> Lived:
    return live(stage or a_stage(), somebody(*does, zone=zone, traits=traits))


def emails(lived: Lived) -> list[str]:
    return [f"{email.flow}/{email.step}" for email in lived.sent()]


def reasons(lived: Lived, what: What) -> list[tuple[str, str]]:
    return [(moment.flow, moment.text) for moment in lived.moments if moment.what is what]


def read(text: str, folder: Path) -> Story:
    file = folder / "a-story.toml"
    file.write_text(text, encoding="utf-8")
    return read_story(file, zone=HOME)
