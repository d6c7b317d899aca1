"""Hostile sources: each probe is refused by the flow, step and line; each bomb ends in time."""

import time
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import StrictUndefined

from sekvens.errors import TemplateError
from sekvens.messages.letter import Layout
from sekvens.messages.reader import Reader
from sekvens.messages.source import Source
from sekvens.messages.templates import (
    TemplateSource,
    check_sources,
    read_layout,
    read_sources,
    stored,
)
from sekvens.messages.variables import variables
from sekvens.messages.words import read_words
from sekvens.shop import Links
from tests.unit.composing import composed, facts, sample_shop
from tests.unit.hostile_sources import BOMBS, PROBES

#: Of CPU: more than the slowest takes, far less than a bomb would.
SECONDS_MAX = 4


def source(body: str) -> Source:
    text = f"---\nsubject: Hej\npreheader: Hej\n---\n{body}\n"
    return Source(text, name="welcome/hello", locale="sv")


@pytest.mark.parametrize("body", PROBES.values(), ids=PROBES)
def test_a_probe_is_refused_before_it_is_rendered_and_named_by_step_and_line(body):
    with pytest.raises(TemplateError, match=r"welcome/hello\.sv\.md, line 7 \(body\): "):
        source(f"Hej\n\n{body}")


@pytest.mark.parametrize("part", ["subject", "preheader", "second_subject"])
@pytest.mark.parametrize("probe", ["class", "our-page", "lipsum", "include"])
def test_a_probe_in_the_front_matter_is_refused_as_well(part, probe):
    lines = {"subject": "Hej", "preheader": "Hej", part: PROBES[probe]}
    front = "\n".join(f"{key}: {value}" for key, value in lines.items())

    with pytest.raises(TemplateError, match=part):
        Source(f"---\n{front}\n---\nHej\n", name="welcome/hello", locale="sv")


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_a_bomb_ends_in_time_as_a_letter_or_as_an_error_that_says_where(body):
    started = time.process_time()
    try:
        length = len(composed(body).html)
    except TemplateError as error:
        length, said = 0, str(error)
    else:
        said = "a-step"

    assert time.process_time() - started < SECONDS_MAX
    assert length < 2_000_000
    assert "a-step" in said


def test_what_is_published_is_checked_first():
    probe = f"---\nsubject: Hej\npreheader: Hej\n---\n{PROBES['class']}\n"
    good = read_sources("welcome/hello")
    edited = TemplateSource(
        name=good.name, sources={**good.sources, "sv": probe}, layout=good.layout
    )

    with pytest.raises(TemplateError, match=r"welcome/hello\.sv\.md, line 5"):
        check_sources(stored(edited))


@pytest.mark.parametrize(
    "edit", ["{{ shop.__class__ }}", "{% include 'x' %}", "{{ lipsum() }}", "{{ shop|attr('x') }}"]
)
def test_a_layout_that_says_more_than_a_layout_is_refused(edit):
    files = read_layout()

    with pytest.raises(TemplateError, match=r"layout letter\.txt, line 1"):
        Layout({**files, "letter.txt": edit + files["letter.txt"]}, locale="sv")


def test_an_e_mail_can_reach_nothing_but_plain_values():
    reader = Reader.of(facts(), shop=sample_shop(), locale="sv")
    values = variables(facts(), reader=reader, words=read_words(read_layout(), "sv"))

    assert {name: value for name, value in values.items() if not is_plain(value)} == {}


def is_plain(value: object) -> bool:
    if is_dataclass(value) and type(value).__module__ == "sekvens.messages.views":
        frozen = type(value).__dataclass_params__.frozen
        return frozen and all(is_plain(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Links):
        return all(is_plain(getattr(value, name)) for name in Links.__struct_fields__)
    if isinstance(value, tuple):
        return all(map(is_plain, value))
    plain = str | int | Decimal | date | StrictUndefined | None
    return isinstance(value, plain)


@settings(max_examples=80)
@given(st.lists(st.sampled_from([
    "{{", "}}", "{%", "%}", " if ", " for ", " in ", "endif", "endfor", "set ", "x", "=", "(", ")",
    "[", "]", ".", "|", "join", "~", "+", "-", "'", '"', "__class__", "shop", "reviews", "loop",
    "\n", "#}", "{#", "9", ":", ",", "raw", "**", "*", "not ", " is ", "none", "first", "\x00", "é",
]), max_size=40))  # fmt: skip
def test_whatever_is_written_is_a_letter_or_an_error_of_ours(pieces):
    try:
        email = composed("".join(pieces))
    except TemplateError:
        return

    assert "__class__" not in email.html or "__class__" in pieces
