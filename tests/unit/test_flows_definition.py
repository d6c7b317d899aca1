"""The builder's words make the plain data that they say, and the reference has every one."""

import inspect
import re
from dataclasses import FrozenInstanceError
from datetime import time, timedelta
from pathlib import Path

import pytest

from sekvens.flows import definition
from sekvens.flows.asking import subscribed, trait_is
from sekvens.flows.builder import (
    MARKETING,
    TRANSACTIONAL,
    days,
    event,
    flow,
    hours,
    local_time,
    minutes,
    once,
    send,
    wait,
)
from sekvens.flows.catalogue.welcome import WELCOME
from sekvens.flows.definition import MARKETING_LATENESS_MAX
from sekvens.flows.validate import Known, validate

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "flows.md"
WORDS = [
    name
    for name, value in vars(definition).items()
    if inspect.isfunction(value) and value.__module__ == definition.__name__
]


def test_a_flow_cannot_be_changed_once_it_is_made() -> None:
    with pytest.raises(FrozenInstanceError):
        WELCOME.version = 2  # type: ignore[misc]


def test_a_flow_that_says_nothing_of_re_entry_is_entered_once() -> None:
    made = flow("x", version=1, purpose=MARKETING, trigger=event("X"), steps=[])

    assert made.reentry == once()
    assert made.trigger_age_max == days(1)


def test_a_template_is_named_after_its_flow_and_step_unless_it_says_otherwise() -> None:
    assert WELCOME.template_of(send("hello")) == "welcome/hello"
    assert WELCOME.template_of(send("hello", template="shared/hello")) == "shared/hello"


def test_a_send_has_the_flow_s_purpose_unless_it_has_its_own() -> None:
    assert WELCOME.purpose_of(send("hello")) is MARKETING
    assert WELCOME.purpose_of(send("hello", purpose=TRANSACTIONAL)) is TRANSACTIONAL


def test_marketing_goes_stale_and_the_rest_does_not_unless_it_says_so() -> None:
    assert WELCOME.lateness_max_of(send("hello")) == MARKETING_LATENESS_MAX
    assert WELCOME.lateness_max_of(send("hello", purpose=TRANSACTIONAL)) is None
    assert WELCOME.lateness_max_of(send("hello", lateness_max=hours(2))) == hours(2)


def test_a_restart_may_be_a_name_a_pattern_or_several_patterns() -> None:
    added = event("Product Added")

    assert wait("a", hours(1), restart_on="Product Added").restart_on == (added,)
    assert wait("a", hours(1), restart_on=added).restart_on == (added,)
    assert wait("a", hours(1), restart_on=[added, event("X")]).restart_on == (added, event("X"))


def test_an_event_is_the_same_however_its_properties_are_ordered() -> None:
    assert event("X", b="2", a="1") == event("X", a="1", b="2")
    assert event("X", b="2", a="1").key == "X&a=1&b=2"


def test_an_event_matches_by_its_name_and_by_every_property_asked_for() -> None:
    pattern = event("X", size="7")

    assert pattern.matches("X", {"size": 7, "colour": "red"})
    assert not pattern.matches("X", {"size": 8})
    assert not pattern.matches("X", {})
    assert not pattern.matches("Y", {"size": 7})


def test_times_and_traits_are_what_they_say() -> None:
    assert local_time("09:30", (4, 0)).at == time(9, 30)
    assert local_time("09:30", (4, 0)).weekdays == (0, 4)
    assert minutes(1.5) == timedelta(seconds=90)
    assert trait_is("city", "Delsbo").value == "Delsbo"


@pytest.mark.parametrize("word", WORDS)
def test_the_reference_mentions_every_word_of_the_builder(word: str) -> None:
    assert f"`{word}(" in REFERENCE.read_text(encoding="utf-8")


def test_the_flow_in_the_reference_runs_and_is_sound() -> None:
    source = re.findall(r"```python\n(.*?)```", REFERENCE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in source:
        exec(compile(block, str(REFERENCE), "exec"), names)  # noqa: S102
    made = names["QUIZ"]
    templates = frozenset({"quiz/thank-you", "quiz/your-result", "quiz/a-reminder"})
    known = Known(
        events=frozenset({"Quiz Taken", "Product Viewed", "Order Completed"}),
        templates={"en": templates},
        offers={},
        locales=("en",),
    )

    assert isinstance(made, definition.Flow)
    assert validate(made, known) == []
    assert subscribed() in made.entry
