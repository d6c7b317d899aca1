"""Answers that are kept: new where they cost nothing, asked for by one where they cost much."""

import threading
from typing import Any

import pytest

from sekvens.web.dashboard import kept
from sekvens.web.dashboard.kept import REST, Kept


class Time:
    """A clock that only questions move."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(kept, "time", time)
    return time


def costly(time: Time, seconds: float) -> Kept[int]:
    """Make a question that takes so long; its answer counts how often it was asked."""
    asked: list[float] = []

    def ask(_house: Any, _session: Any, _asked: Any, _of: str) -> int:
        time.seconds += seconds
        asked.append(time.seconds)
        return len(asked)

    return Kept(ask)


def test_an_answer_rests_twenty_times_as_long_as_it_took(time: Time) -> None:
    question, house, nothing = costly(time, 3.0), object(), None
    answers = [question.answer(house, nothing, nothing) for _ in range(2)]  # type: ignore[arg-type]
    time.seconds += REST * 3.0
    answers.append(question.answer(house, nothing, nothing))  # type: ignore[arg-type]

    assert answers == [1, 1, 2]


def test_what_costs_nothing_is_always_new_and_houses_share_nothing(time: Time) -> None:
    free, dear, nothing = costly(time, 0.0), costly(time, 3.0), None
    houses = [object(), object()]

    assert [free.answer(houses[0], nothing, nothing) for _ in range(2)] == [1, 2]  # type: ignore[arg-type]
    assert [dear.answer(each, nothing, nothing) for each in houses] == [1, 2]  # type: ignore[arg-type]


def test_of_each_thing_there_is_an_answer_of_its_own(time: Time) -> None:
    question, house, nothing = costly(time, 3.0), object(), None
    things = ["new", "vip", "new"]

    assert [question.answer(house, nothing, nothing, of) for of in things] == [1, 2, 1]  # type: ignore[arg-type]


def test_of_many_at_once_one_asks(time: Time) -> None:
    question, house, nothing = costly(time, 3.0), object(), None
    answers: list[int] = []

    def ask() -> None:
        answers.append(question.answer(house, nothing, nothing))  # type: ignore[arg-type]

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [1] * 8
