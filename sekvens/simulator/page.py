"""The page of a story: a timeline for each contact, with each e-mail as it would have been.

It needs nothing beside itself. The e-mails are composed as the sender does it, for the contact's
name, language, zone and the hour; what they ordered and what lies in carts are samples.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.graph import compile_flow
from sekvens.flows.steps import Send
from sekvens.messages.compose import compose
from sekvens.messages.samples import sample_facts
from sekvens.messages.templates import StoredTemplate, read_sources, stored
from sekvens.messages.whole_page import as_script, picture, pictures_in, without_pictures
from sekvens.shop import Shop
from sekvens.simulator.moments import Lived, Moment, What
from sekvens.simulator.story import Person, Story
from sekvens.simulator.telling import Outcome
from sekvens.simulator.timeline import Line, count_lines, lines_of, reasons

_PAGE = Path(__file__).with_name("page.html")


@dataclass(frozen=True, kw_only=True)
class _Row:
    line: Line
    email: str = ""  #: the key of what was sent
    subject: str = ""


def page(story: Story, outcome: Outcome, shop: Shop, *, public_url: str) -> str:
    """Make the page of a story that was told.

    Raises:
        TemplateError: an e-mail cannot be made.
    """
    mails: dict[str, str] = {}
    people = [
        {"person": lived.person, "rows": _rows(lived, shop, public_url, mails)}
        for lived in outcome.told
    ]
    pictures = {name: picture(name) for name in pictures_in(mails.values())}
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(_PAGE.read_text(encoding="utf-8")).render(
        story=story,
        outcome=outcome,
        people=people,
        counts=count_lines(outcome),
        reasons=reasons,
        mails=as_script({key: without_pictures(html) for key, html in mails.items()}),
        pictures=as_script(pictures),
    )


def _rows(lived: Lived, shop: Shop, public_url: str, mails: dict[str, str]) -> list[_Row]:
    rows = []
    for line, moment in zip(lines_of(lived), lived.moments, strict=True):
        if moment.what is not What.SENT:
            rows.append(_Row(line=line))
            continue
        key = f"{lived.person.name}/{len(rows)}"
        subject, mails[key] = _composed(lived, moment, shop, public_url)
        rows.append(_Row(line=line, email=key, subject=subject))
    return rows


def _composed(lived: Lived, moment: Moment, shop: Shop, public_url: str) -> tuple[str, str]:
    person, template = lived.person, _template(moment.text)
    locale = person.locale or shop.default_locale
    made_up = sample_facts(
        shop, name=moment.text, locale=locale, now=moment.at, public_url=public_url
    )
    facts = replace(
        made_up,
        step_id=moment.step,
        first_name=_name(person),
        timezone=moment.zone,
        started_at=lived.stays[moment.enrollment].started_at,
        second_subject=_is_retold(moment.flow, moment.step),
    )
    made = compose(template, facts, shop=shop)
    return made.subject, made.html


def _name(person: Person) -> str:
    return person.traits.get("firstName", person.name.capitalize())


@cache
def _template(name: str) -> StoredTemplate:
    return stored(read_sources(name))


@cache
def _is_retold(flow: str, step_id: str) -> bool:
    graph = compile_flow(next(each for each in CATALOGUE if each.name == flow))
    step = graph.steps[step_id]
    return isinstance(step, Send) and step.has_second_subject
