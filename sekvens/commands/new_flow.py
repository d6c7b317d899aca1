"""`flows new`: a flow with its e-mails and its first story, ready to run and to be changed.

Everything is worked out and checked before the first file is written, and no file is overwritten.
"""

import difflib
import keyword
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from sekvens.commands.new_flow_source import Draft
    from sekvens.flows.definition import Flow

ROOT: Final = Path(__file__).resolve().parents[2]
CATALOGUE: Final = Path("sekvens/flows/catalogue")
CONTENT: Final = Path("sekvens/messages/content")
STORIES: Final = Path("tests/scenarios/stories")
GOLDEN: Final = Path("tests/unit/golden")
#: A longer name would break the line that imports the flow.
NAME_LENGTH_MAX: Final = 30
#: These mean something else in the file that would be written, or in the catalogue's list.
_RESERVED: Final = frozenset(
    {"another-order", "catalogue", "marketing", "morning", "transactional"}
)
_KEBAB: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class NotANewFlow(SekvensError):
    """The flow cannot be written as it was asked for; nothing was written."""


@click.command()
@click.argument("name")
@click.option(
    "--trigger", default="Product Viewed", show_default=True, help="The event that starts it."
)
@click.option(
    "--purpose",
    type=click.Choice(["marketing", "transactional"]),
    default="marketing",
    show_default=True,
    help="Transactional e-mail needs no consent, and may not advertise.",
)
def new(name: str, trigger: str, purpose: str) -> None:
    """Write the flow NAME: its file in the catalogue, two e-mails in every locale, a first story.

    It runs as it is, and it is there to be changed.

    Example: starter.py flows new second-look --trigger "Product Viewed"
    """
    from sekvens.commands.new_flow_source import Draft
    from sekvens.flows.steps import Purpose

    _check_name(name)
    draft = Draft(name=name, trigger=_known_event(trigger), purpose=Purpose(purpose))
    _check_purpose(draft)
    files = _files(draft)
    taken = [path for path in files if (ROOT / path).exists() and path.name != "__init__.py"]
    if taken:
        raise NotANewFlow(f"{taken[0]} is there already: nothing was written. Choose another name")
    for path, text in files.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
    _tell(draft, list(files))


def _check_name(name: str) -> None:
    from sekvens.flows.catalogue import CATALOGUE as FLOWS

    is_well_formed = _KEBAB.fullmatch(name) and len(name) <= NAME_LENGTH_MAX
    if not is_well_formed or name in _RESERVED or keyword.iskeyword(name):
        raise NotANewFlow(
            f"{name!r} is no name for a flow: use small letters, digits and single hyphens, begin "
            f"with a letter, {NAME_LENGTH_MAX} characters at the most, and no word that Python or "
            "the catalogue knows; such as second-look"
        )
    if any(flow.name == name for flow in FLOWS):
        raise NotANewFlow(
            f"the catalogue has a flow {name!r}: `starter.py flows explain {name}` explains it"
        )
    if not (ROOT / STORIES).is_dir():
        raise NotANewFlow(f"{ROOT} is no checkout of Sekvens: it has no {STORIES}")


def _known_event(trigger: str) -> str:
    from sekvens.events.schema import KNOWN_EVENTS
    from sekvens.events.spelling import canonical

    name = canonical(trigger.strip())
    if name in KNOWN_EVENTS:
        return name
    near = difflib.get_close_matches(name.title(), sorted(KNOWN_EVENTS), n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise NotANewFlow(
        f"no event is called {trigger!r}. {hint}docs/reference/events.md lists them; one of the "
        "shop's own goes into EVENTS in sekvens/events/schema.py first"
    )


def _check_purpose(draft: "Draft") -> None:
    from sekvens.events.schema import CONTACT_SUPPRESSED, UNSUBSCRIBED
    from sekvens.flows.validate import SHOPPING

    if not draft.sells and draft.trigger in SHOPPING:
        raise NotANewFlow(
            f"{draft.trigger!r} is shopping, and an e-mail about it advertises: leave --purpose "
            "marketing, or start from something that was agreed on, such as 'Order Shipped'"
        )
    if draft.trigger in (UNSUBSCRIBED, CONTACT_SUPPRESSED):
        raise NotANewFlow(f"after {draft.trigger!r} nobody may be written to")


def _files(draft: "Draft") -> dict[Path, str]:
    """Make every file, from the flow to the golden trace, in the order in which they are told."""
    from sekvens.commands.new_flow_source import flow_source
    from sekvens.commands.new_flow_texts import sources
    from sekvens.flows.explain import as_mermaid, as_text
    from sekvens.settings import load_settings

    source = flow_source(draft)
    flow = _built(source, draft)
    content = CONTENT / draft.name
    emails = {
        content / f"{step}.{locale}.md": text
        for locale in load_settings().shop.locales
        for step, text in sources(draft.purpose, locale).items()
    }
    story, trace = _story(flow)
    return {
        CATALOGUE / f"{draft.module}.py": source,
        CATALOGUE / "__init__.py": _registered(draft),
        **emails,
        STORIES / f"{draft.name}-all-the-way.toml": story,
        STORIES / f"{draft.name}-all-the-way.trace": trace,
        GOLDEN / f"{draft.name}.txt": as_text(flow),
        GOLDEN / f"{draft.name}.mmd": as_mermaid(flow),
    }


def _built(source: str, draft: "Draft") -> "Flow":
    """Build the flow from the text that will stand in its file."""
    from sekvens.flows.definition import Flow

    names: dict[str, object] = {}
    exec(compile(source, f"{draft.module}.py", "exec"), names)  # noqa: S102  we wrote it  # nosec B102
    flow = names[draft.constant]
    if not isinstance(flow, Flow):
        raise TypeError(f"{draft.constant} is no flow")
    return flow


def _story(flow: "Flow") -> tuple[str, str]:
    """Write the story in which nothing comes in between, and what the pure driver makes of it."""
    import tempfile

    from sekvens.flows.graph import compile_flow
    from sekvens.simulator.driver import run_scenario, trace_lines
    from sekvens.simulator.scenario import read_scenario

    story = f'about = "Nothing comes in between: both e-mails."\nflow = "{flow.name}"\n'
    if flow.entry_key:
        story += f'entry_key = "{flow.entry_key.removesuffix("_id")}-1"\n'
    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
        file.write(story)
        file.flush()
        scenario = read_scenario(Path(file.name))
    passage = run_scenario(compile_flow(flow), scenario)
    return story, "\n".join(trace_lines(scenario.start, passage.state.journal)) + "\n"


def _registered(draft: "Draft") -> str:
    """Put the flow into the catalogue's list, and its import where it belongs by the alphabet."""
    text = (ROOT / CATALOGUE / "__init__.py").read_text(encoding="utf-8")
    line = f"from sekvens.flows.catalogue.{draft.module} import {draft.constant}"
    lines = text.splitlines()
    imports = [i for i, old in enumerate(lines) if old.startswith("from sekvens.flows.catalogue.")]
    end = next((i for i in imports if lines[i] > line), imports[-1] + 1 if imports else None)
    closing = lines.index(")") if ")" in lines else None
    if end is None or closing is None:
        raise NotANewFlow(
            f"{CATALOGUE / '__init__.py'} does not look as it did: nothing was written"
        )
    lines.insert(closing, f"    {draft.constant},")
    lines.insert(end, line)
    return "\n".join(lines) + "\n"


def _tell(draft: "Draft", files: list[Path]) -> None:
    from sekvens.settings import load_settings

    locale = load_settings().shop.default_locale
    for path in files:
        is_new = path.name != "__init__.py"
        click.echo(f"{'wrote' if is_new else 'added it to'} {path}")
    story = f"{draft.name}-all-the-way"
    click.echo(
        f"""
It runs as it is:
  .venv/bin/python starter.py flows validate
  .venv/bin/python starter.py flows explain {draft.name}
  .venv/bin/python starter.py preview {draft.name}/{draft.steps[0]} --locale {locale}
  .venv/bin/python -m pytest -q tests/scenarios -k {story}

Next, make it yours: what it is for and when (the flow's file), what it says (the e-mails). A step's
name is for ever once it is published: choose it now. After a change of the flow,
docs/how-to/write-a-flow.md says what to write anew; then `starter.py flows publish`."""
    )
