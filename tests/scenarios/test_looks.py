"""A look on a real Temporal server: what waits for a person leaves within moments of their word."""

from dataclasses import replace

import pytest

from sekvens.enrollments import names
from sekvens.enrollments.wire import EnrollmentEvent, EventsSignal
from sekvens.flows.builder import days, hours
from tests.scenarios.test_moves import NOTHING_HAPPENS, Begin, Passage, begin, replays

__all__ = ["begin"]  # a fixture

#: The first message is held once, for six hours.
HELD = replace(NOTHING_HAPPENS, outcomes={"hello": ("deferred:manual",)})


async def looks(passage: Passage, *, seq: int = 1) -> None:
    told = EnrollmentEvent(seq=seq, event_id=f"look-{seq}", matched=(), look=True)
    await passage.handle.signal(names.EVENTS_SIGNAL, EventsSignal(events=(told,)))


@pytest.mark.asyncio(loop_scope="session")
async def test_a_look_wakes_what_waits_for_a_person_at_once(begin: Begin):
    passage = await begin("e-look", scenario=HELD, after=hours(2))
    await looks(passage)
    await looks(passage)  # the relay repeats itself after a crash

    assert await passage.ends() == [(hours(2), "hello"), (days(4) + hours(2), "more")]
    await replays(passage)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_look_that_an_older_worker_passed_over_replays(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
):
    passage = await begin("e-look-passed-over", scenario=HELD, after=hours(2))
    told = {"seq": 1, "event_id": "look-1", "matched": [], "look": True}
    nothing = property(lambda _self: None, lambda _self, _given: None)
    monkeypatch.setattr(EnrollmentEvent, "look", nothing)  # it knows no such field
    await passage.handle.signal(names.EVENTS_SIGNAL, {"events": [told]})
    await passage.let_pass(hours(1))
    monkeypatch.undo()

    assert (await passage.ends())[0] == (hours(6), "hello")
    await replays(passage)
