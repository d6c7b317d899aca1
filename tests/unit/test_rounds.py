"""Rounds of work: an outage is said once and waited for, and said again when it comes again."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from datetime import timedelta

import pytest

from sekvens.errors import TemporalUnavailable
from sekvens.events import rounds
from tests.unit.waiting import PATIENCE


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BACKOFF_MIN", "BACKOFF_MAX", "IDLE_MIN", "IDLE_MAX"):
        monkeypatch.setattr(rounds, name, timedelta(milliseconds=1))


async def told(caplog: pytest.LogCaptureFixture, results: Iterable[int | Exception]) -> list[str]:
    """Run rounds that end like this, and list what was said of them."""
    stop, ends = asyncio.Event(), iter(results)

    async def work() -> int:
        return next_of(ends, stop)

    with caplog.at_level(logging.WARNING):
        await asyncio.wait_for(rounds.repeat(work, stop), PATIENCE)
    return [record.getMessage() for record in caplog.records]


def next_of(ends: Iterator[int | Exception], stop: asyncio.Event) -> int:
    end = next(ends, None)
    if end is None:
        stop.set()
        return 0
    if isinstance(end, Exception):
        raise end
    return end


async def test_an_outage_that_lasts_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    down = [TemporalUnavailable("Temporal cannot be reached")] * 20

    assert await told(caplog, down) == ["Temporal cannot be reached"]


async def test_an_outage_that_comes_again_is_said_again(caplog: pytest.LogCaptureFixture) -> None:
    down = TemporalUnavailable("Temporal cannot be reached")

    assert await told(caplog, [down, down, 1, down]) == ["Temporal cannot be reached"] * 2


async def test_an_outage_that_lasts_for_long_is_said_again_now_and_then(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "SAID_AGAIN_AFTER", timedelta(0))
    down = TemporalUnavailable("Temporal cannot be reached")

    assert len(await told(caplog, [down] * 3)) == 3
