"""The race: a switch is turned while messages under it are about to leave.

The mechanism and the judge are those of `tests/chaos/races.py`; the reply is the command's return.
"""

import threading
from collections.abc import Iterator

import pytest

from sekvens.db.session import Database
from sekvens.flows.outcomes import Deferred, Sent
from tests.chaos.races import Fact, Races
from tests.unit.test_send_race import NoLocks

SWITCHES = [Fact.STOP] * 4 + [Fact.PAUSE] * 16


@pytest.fixture
def races(database: Database) -> Iterator[Races]:
    races = Races(database)
    yield races
    races.close()


def test_ses_takes_nothing_after_a_stop_has_returned(races: Races) -> None:
    done = races.run(SWITCHES)

    assert not [race for race in done if race.is_lost]
    # Both ends of the race came up, or the judge has judged nothing.
    assert sum(isinstance(race.outcome, Sent) for race in done) >= len(done) // 10
    assert sum(isinstance(race.outcome, Deferred) for race in done) >= len(done) // 10


def test_without_the_lock_the_same_judge_finds_messages_after_the_stop(races: Races) -> None:
    races.office.database.locks = NoLocks()

    assert races.lost_of(SWITCHES)


def test_when_senders_share_no_switch_the_judge_finds_them_too(
    races: Races, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sekvens.messages.send.senders_share", lambda _: ())

    assert races.lost_of(SWITCHES)


def test_a_switch_waits_for_a_message_in_the_middle_of_its_call(races: Races) -> None:
    stopped_at: list[float] = []
    order = races.office.order()
    operator = threading.Thread(target=lambda: stopped_at.append(races.happen(Fact.PAUSE, order)))

    def stop_and_dawdle(_: str) -> None:
        operator.start()
        operator.join(1)  # time enough to have stopped, if it waited for nobody

    races.office.ses.during = stop_and_dawdle
    outcome = races.sender.send(order)
    operator.join()

    assert isinstance(outcome, Sent)
    assert races.office.ses.accepted[0].at < stopped_at[0]
