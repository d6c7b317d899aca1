"""Each invariant is shown to notice: with one protection taken away, it is broken, and shrunk."""

from dataclasses import replace

import pytest

from sekvens.flows.outcomes import Sent
from sekvens.simulator import life, sending
from sekvens.simulator.foresight import live
from sekvens.simulator.invariants import Invariant, breaches
from sekvens.simulator.moments import What
from sekvens.simulator.passage import Passage
from sekvens.simulator.shrinking import as_story, shrunk
from tests.unit.telling_stories import a_stage, read, somebody

BUSY = (
    "subscribes",
    "visits the shop on day 1",
    "puts a-hat into the cart on day 1 at 18:00",
    "clicks e-mail 1",
    "looks at the cart on day 2",
    "complains on day 3",
    "the complaint is settled on day 6 at 15:00",
    "buys on day 7",
    "the order arrives on day 8",
    "unsubscribes on day 12",
    "bounces on day 14",
    "buys on day 15",
)


def without_the_calm(monkeypatch):
    monkeypatch.setattr(sending, "disturbance", lambda *_: None)


def without_refusals(monkeypatch):
    """No enrollment hears anything, as if the relay were gone, and the gate is blind."""
    monkeypatch.setattr(sending, "refusal", lambda *_: None)
    monkeypatch.setattr(Passage, "matched", lambda *_: ())


def sending_again(monkeypatch):
    real = life.Life.got

    def got_twice(self, email):
        real(self, email)
        real(self, email)

    monkeypatch.setattr(life.Life, "got", got_twice)


def skipping_for_nothing(monkeypatch):
    monkeypatch.setattr(sending, "refusal", lambda *_: sending.Refused(reason="just so"))


def forgetting_what_was_held(monkeypatch):
    """What the gate holds is taken for sent."""
    real = life.send

    def forget(one, passage, command):
        outcome = real(one, passage, command)
        held = outcome.kind == "deferred"
        return Sent(message_id="lost", resume_at=None) if held else outcome

    monkeypatch.setattr(life, "send", forget)


CASES = [
    (Invariant.AFTER_AN_EXIT, without_refusals, {}),
    (Invariant.OVER_THE_CAP, without_the_calm, {}),
    (Invariant.AT_NIGHT, without_the_calm, {}),
    (Invariant.ON_A_BLACKOUT_DATE, without_the_calm, {"blackout_dates": ["03-06"]}),
    (Invariant.WITH_AN_OPEN_COMPLAINT, without_the_calm, {}),
    (Invariant.WITHOUT_CONSENT, without_refusals, {}),
    (Invariant.SUPPRESSED, without_refusals, {}),
    (Invariant.TWICE, sending_again, {}),
    (Invariant.WITHOUT_A_REASON, skipping_for_nothing, {}),
    (Invariant.DROPPED, forgetting_what_was_held, {}),
]


def test_every_invariant_has_a_case():
    assert {invariant for invariant, _, _ in CASES} == {*Invariant}


@pytest.mark.parametrize(
    ("invariant", "sabotage", "sending"), CASES, ids=[case[0].name for case in CASES]
)
def test_an_invariant_notices_and_is_shrunk_to_what_matters(
    invariant, sabotage, sending, monkeypatch, tmp_path
):
    stage, person = a_stage(30, **sending), somebody(*BUSY)
    assert breaches(live(stage, person), stage) == []

    sabotage(monkeypatch)
    found = breaches(live(stage, person), stage)
    smallest, breach = shrunk(person, invariant, stage)

    assert invariant in {each.invariant for each in found}
    assert breach.invariant is invariant
    assert 1 <= len(smallest.acts) <= 4
    # Every act that is left matters, and the story as written goes wrong in the same way.
    for act in smallest.acts:
        fewer = replace(smallest, acts=tuple(each for each in smallest.acts if each is not act))
        assert invariant not in {each.invariant for each in breaches(live(stage, fewer), stage)}
    written = read(as_story(smallest, days=30), tmp_path)
    again = breaches(live(stage, written.people[0]), stage)
    assert invariant in {each.invariant for each in again}


def test_a_contact_to_whom_nothing_happened_cannot_be_shrunk():
    with pytest.raises(ValueError, match="does not happen"):
        shrunk(somebody("subscribes"), Invariant.TWICE, a_stage(10))


def test_every_skip_of_a_busy_contact_has_a_reason():
    stage = a_stage(30)
    lived = live(stage, somebody(*BUSY[:4], "starts the checkout on day 2"))

    assert [moment for moment in lived.moments if moment.what is What.SKIPPED]
    assert breaches(lived, stage) == []
