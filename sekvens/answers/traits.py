"""The traits that answers become: only what the question itself offers as an answer."""

from collections.abc import Mapping
from typing import Any

from sekvens.events.schema import QUESTION_ANSWERED
from sekvens.messages.questions import QUESTIONS, TRAITS


def traits_of(name: str, properties: Mapping[str, Any]) -> dict[str, str]:
    """Tell what an event says about its contact, if it is an answer to a question of a trait."""
    if name != QUESTION_ANSWERED:
        return {}
    asked, given = properties.get("question"), properties.get("answer")
    question = QUESTIONS.get(asked) if isinstance(asked, str) else None
    if question is None or question.trait is None or not isinstance(given, str):
        return {}
    return {question.trait: given} if question.answer(given) else {}


def told(traits: Mapping[str, Any]) -> dict[str, str | None]:
    """Tell every trait that a question asks for; None for one that was not told, or is odd."""
    return {name: _usual(traits.get(name), usual) for name, usual in TRAITS.items()}


def _usual(value: object, usual: frozenset[str]) -> str | None:
    return value if isinstance(value, str) and value in usual else None
