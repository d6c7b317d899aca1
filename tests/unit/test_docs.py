"""The documentation keeps its word: its code runs, its commands exist, its links lead somewhere."""

import ast
import importlib.util
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, get_args

import click
import pytest

from sekvens.commands.flows import _known
from sekvens.enrollments import names
from sekvens.events.parse import IncomingEvent, read_batch, read_one
from sekvens.feeds.section import FeedSettings, FieldKind, TraitKind
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.definition import Flow
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.steps import ExitReason
from sekvens.flows.survey import sends
from sekvens.flows.validate import Known, validate
from sekvens.messages.blocks import BLOCKS
from sekvens.messages.calm import HoldReason
from sekvens.messages.facts import Facts
from sekvens.messages.holds import HeldBy
from sekvens.messages.patience import FIRST_WAIT
from sekvens.messages.reader import Reader
from sekvens.messages.samples import sample_facts
from sekvens.messages.send import JUST_MERGED, TOO_SLOW
from sekvens.messages.source import Source
from sekvens.messages.tables import MessageState
from sekvens.messages.templates import read_layout
from sekvens.messages.variables import variables
from sekvens.messages.words import read_words
from sekvens.products.listing import Listing
from sekvens.products.posted import ShopFacts, read_products
from sekvens.settings import SAMPLE_SHOP, load_settings
from sekvens.simulator.reading import read_story
from sekvens.simulator.scenario import read_scenario
from starter import main

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PICTURE_BYTES_MAX = 150_000
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


class CodeBlock(NamedTuple):
    """One fenced block of one page."""

    page: str
    text: str


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def blocks(kind: str) -> list[CodeBlock]:
    return [
        CodeBlock(str(path.relative_to(ROOT)), text)
        for path in PAGES
        for info, text in FENCE.findall(path.read_text(encoding="utf-8"))
        if info == kind
    ]


def each(kind: str) -> pytest.MarkDecorator:
    found = blocks(kind)
    return pytest.mark.parametrize("block", found, ids=[block.page for block in found])


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def first_column(page: str, heading: str) -> set[str]:
    """The code words in the first column of the first table under a heading."""
    table = read(page).partition(f"\n{heading}\n")[2].partition("\n|---")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")]
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def commands_said() -> Iterator[tuple[str, list[str]]]:
    """Every command of ours that a page tells somebody to type, with its page."""
    for path in PAGES:
        page, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        for line in "\n".join(block for info, block in FENCE.findall(text) if info == "sh").split(
            "\n"
        ):
            if re.match(r"(\.venv/bin/python|make|starter\.py) ", line):
                yield page, shlex.split(line.removeprefix(".venv/bin/python "))
        for said in re.findall(r"`((?:starter\.py|make) [^`]+)`", prose(path)):
            yield page, shlex.split(said.replace("…", "x").replace("<workflow id>", "x"))


def curl_bodies() -> list[tuple[str, str]]:
    text = "".join(block.text for block in blocks("sh"))
    return re.findall(r"(/v1/\w+) .*?-d '(.*?)'", text, re.DOTALL)


def logged_actions() -> set[str]:
    """Every `action` that a log record of the product may carry."""
    found: set[str] = set()
    for folder in ("sekvens", "workflows", "activities", "worker.py"):
        path = ROOT / folder
        for file in [path] if path.is_file() else path.rglob("*.py"):
            source = file.read_text(encoding="utf-8")
            found |= set(re.findall(r'"action": "(\w+)"', source))
            if 'return {"action": action' in source or '"action": action,' in source:
                found |= set(re.findall(r'_(?:warn|extra|about)\((?:\w+, )?"(\w+)"', source))
            found |= {f"{name}_ready" for name in re.findall(r'run_service\("(\w+)"', source)}
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_to_a_file_and_a_heading_that_exist(path: Path):
    broken = []
    for link in LINK.findall(re.sub(r"`[^`]*`", "", prose(path))):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not re.match(r"[a-z]+:", link) and (
            not target.exists() or (anchor and anchor not in anchors(target))
        ):
            broken.append(link)

    assert not broken


@each("python")
def test_python_in_the_documentation_runs_and_its_flows_are_sound(block: CodeBlock):
    namespace: dict[str, object] = {}
    known = _known()

    exec(compile(block.text, block.page, "exec"), namespace)  # noqa: S102  our own pages

    for flow in [value for value in namespace.values() if isinstance(value, Flow)]:
        events = known.events | {flow.trigger.name}  # a shop may have events of its own
        templates = frozenset(flow.template_of(step) for step in sends(flow))
        written = dict.fromkeys(known.locales, templates)
        exists = Known(events=events, templates=written, offers=known.offers, locales=known.locales)
        assert validate(flow, exists) == []


@each("python by-hand")
def test_python_that_needs_services_names_modules_that_exist(block: CodeBlock):
    tree = ast.parse(block.text)
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    modules += [alias.name for node in imports for alias in node.names]

    assert modules
    assert all(importlib.util.find_spec(module) for module in modules)


@each("toml")
def test_settings_in_the_documentation_can_be_read(block: CodeBlock, tmp_path: Path):
    sample = SAMPLE_SHOP.read_text(encoding="utf-8").partition("[ses]")[0]
    file = tmp_path / "sekvens.toml"
    file.write_text(sample + block.text, encoding="utf-8")

    settings = load_settings({"SEKVENS_SETTINGS": str(file)})

    assert tomllib.loads(block.text)
    assert settings.ses.region == "eu-north-1"


@each("toml scenario")
def test_a_scenario_in_the_documentation_can_be_read(block: CodeBlock, tmp_path: Path):
    file = tmp_path / "story.toml"
    file.write_text(block.text, encoding="utf-8")

    assert read_scenario(file).events


@each("toml story")
def test_a_story_in_the_documentation_can_be_read(block: CodeBlock, tmp_path: Path):
    file = tmp_path / "story.toml"
    file.write_text(block.text, encoding="utf-8")

    story = read_story(file, zone="Europe/Stockholm")

    assert story.people or story.population


def written_out(facts: Facts, *, locale: str) -> dict[str, object]:
    reader = Reader.of(facts, shop=load_settings({}).shop, locale=locale)
    return variables(facts, reader=reader, words=read_words(read_layout(), locale))


@each("markdown")
def test_an_e_mail_in_the_documentation_can_be_written(block: CodeBlock):
    shop = load_settings({}).shop
    facts = sample_facts(shop, name="welcome/hello", locale="en", now=NOW)

    written = Source(block.text, name="welcome/hello", locale="en").write(
        written_out(facts, locale="en")
    )

    assert written.subject


def test_every_command_said_exists_with_its_options():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for page, words in commands_said():
        if words[0] == "make":
            assert words[1] in targets, page
        elif words[0] == "starter.py":
            command: click.Command = main
            rest = [word for word in words[1:] if word != "--debug"]
            while isinstance(command, click.Group) and rest:
                if rest[0].isupper():  # a placeholder
                    break
                assert rest[0] in command.commands, f"{page}: {words}"
                command, rest = command.commands[rest[0]], rest[1:]
            known = {name for parameter in command.params for name in parameter.opts}
            assert {word for word in rest if word.startswith("-")} <= known, f"{page}: {words}"
        elif words[0] == "-m":
            assert importlib.util.find_spec(words[1]), page
        else:
            assert (ROOT / words[0]).exists(), f"{page}: {words}"


@pytest.mark.parametrize(("route", "body"), curl_bodies())
def test_what_curl_posts_is_taken(route: str, body: str):
    raw = json.dumps(json.loads(body)).encode()
    shop = ShopFacts(locale="sv", locales=("sv",), currency="SEK")
    match route:
        case "/v1/products":
            told = read_products(raw, shop=shop, received_at=NOW).items
        case "/v1/batch":
            told = read_batch(raw, received_at=NOW).events
        case _:
            told = read_one(raw, kind=route.removeprefix("/v1/"), received_at=NOW).events

    assert all(isinstance(each, IncomingEvent | Listing) for each in told)


def test_every_test_that_is_named_exists():
    tests = "".join(
        file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py")
    )
    existing = set(re.findall(r"def (test_\w+)", tests))
    pages = read("ARCHITECTURE.md") + read("docs/security.md")
    named = set(re.findall(r"`(test_\w+)`", pages))

    assert named
    assert named <= existing


def test_every_file_that_is_named_exists():
    for path in PAGES:
        named = re.findall(r"`((?:sekvens|tests|docs|workflows|bench)/[\w./-]+)`", prose(path))
        assert not [name for name in named if not (ROOT / name).exists()], path


def test_every_action_of_the_log_stands_in_its_table_and_no_other():
    assert first_column("docs/how-to/run-in-production.md", "## Logs") == logged_actions()


def test_every_setting_stands_in_its_table_and_no_other():
    settings = load_settings({})
    keys = {
        f"{section}.{key}"
        for section in (
            "database",
            "api",
            "ses",
            "feedback",
            "sending",
            "audiences",
            "privacy",
            "products",
            "tracking",
            "consent",
            "experiments",
            "clock",
            "worker",
        )
        for key in getattr(settings, section).__struct_fields__
    }
    for platform in settings.adapters.__struct_fields__:
        fields = getattr(settings.adapters, platform).__struct_fields__
        keys |= {f"adapters.{platform}.{key}" for key in fields}

    assert first_column("docs/how-to/run-in-production.md", "## Settings") == keys


def test_every_setting_and_kind_of_feeds_stands_in_their_page():
    page = "docs/how-to/feeds.md"
    tables = read(page).partition("| Kind of a trait |")[2]
    kinds = set(re.findall(r"^\| `(\w+)` \|", tables, re.MULTILINE))

    assert first_column(page, "## In the settings") == set(FeedSettings.__struct_fields__)
    assert kinds == {*get_args(FieldKind), *get_args(TraitKind)}


def test_the_readme_knows_how_many_flows_there_are():
    assert f"It comes with {len(CATALOGUE)} flows," in read("README.md")


def test_every_way_a_message_can_end_or_wait_is_explained():
    page = "docs/message-lifecycle.md"
    snake = {re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower() for kind in FIRST_WAIT}

    assert first_column(page, "## Why a message was skipped") == {*SkipReason}
    waits = snake | {JUST_MERGED, TOO_SLOW, *HeldBy, *HoldReason}
    assert first_column(page, "## Why a message waits") == waits
    drawn = re.findall(r"--> (\w+)", read(page))
    assert set(drawn) == {*MessageState}


def test_everything_that_an_e_mail_may_use_is_listed():
    page = "docs/how-to/write-an-email.md"
    shop = load_settings({}).shop
    facts = sample_facts(shop, name="cart-abandonment/last-word", locale="sv", now=NOW)
    listed = first_column(page, "## Blocks")

    assert first_column(page, "## Variables") == set(written_out(facts, locale="sv"))
    assert {re.sub(r"\W*(\w+)\(.*", r"\1", call) for call in listed} == set(BLOCKS)


def test_operators_are_told_every_exit_reason_and_search_attribute():
    page = read("docs/ops.md")

    assert all(f"`{reason}`" in page for reason in ExitReason)
    queries = " ".join(re.findall(r"^\| [^|]+ \| (`.+`)", page, re.MULTILINE))
    assert all(name in queries for name in names.SEARCH_ATTRIBUTES)


def test_pictures_are_small():
    pictures = list((ROOT / "docs" / "pictures").glob("*.png"))

    assert pictures
    assert max(picture.stat().st_size for picture in pictures) < PICTURE_BYTES_MAX
