"""Races on the send service: what a fact forbids, SES accepts before its reply or never.

10,500 races in the long setting, on both databases: 2,000 purchases, unsubscribes (half of them by
the link in an e-mail), suppressions, erasures, and pauses (half of them of everything), and 500
merges with somebody who is in the same flow.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Final

import pytest

from sekvens.db.session import Database
from sekvens.events.ingest import Ingested
from sekvens.events.writer import GroupCommitWriter
from tests.chaos import verdicts
from tests.chaos.races import BY_API, LANES, Fact, Race, Races
from tests.chaos.racing import is_patient, replies
from tests.chaos.scale import LONG, SEED, pick

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(pick(short=300, long=3600))]

#: Races of each kind, on each database.
HALF = pick(short=5, long=500)
RACES: Final[Mapping[Fact, int]] = {
    Fact.PURCHASE: 2 * HALF,
    Fact.UNSUBSCRIBE: HALF,
    Fact.LINK: HALF,
    Fact.SUPPRESSION: 2 * HALF,
    Fact.ERASURE: 2 * HALF,
    Fact.MERGE: HALF,
    Fact.PAUSE: HALF,
    Fact.STOP: -(-HALF // LANES),  # each races a message of every lane
}
#: Both ends of the race come up so often at least, or the judge has judged nothing.
SHARE_MIN: Final = 0.1


@pytest.fixture
def races(database: Database) -> Iterator[Races]:
    races = Races(database)
    yield races
    races.close()


@pytest.fixture
def broken(sqlite_database: Database) -> Iterator[Races]:
    """Races of which a test takes a protection away."""
    races = Races(sqlite_database)
    yield races
    races.close()


def test_what_a_fact_forbids_ses_accepts_before_the_reply_or_never(
    races: Races, database: Database
) -> None:
    facts = [fact for fact, count in RACES.items() for _ in range(count)]
    races.chance.shuffle(facts)
    began_at = time.monotonic()
    done = [race for at in range(0, len(facts), 500) for race in races.run(facts[at : at + 500])]
    took = time.monotonic() - began_at
    by_fact = {fact: [race for race in done if race.fact is fact] for fact in Fact}
    name = database.engine.dialect.name
    for fact, some in by_fact.items():
        verdicts.record("races", f"{fact} ({name})", seed=SEED, **figures(some))
    verdicts.record("races", f"all ({name})", seed=SEED, seconds=took, **figures(done))

    assert not [race for race in done if race.is_lost]
    assert sum(race.is_overlap for race in done) <= len(done) // 20
    for some in by_fact.values() if LONG else [done]:
        left = sum(race.call is not None for race in some)
        assert SHARE_MIN <= left / len(some) <= 1 - SHARE_MIN


def test_a_reply_waits_about_as_long_as_ses_takes(database: Database) -> None:
    # One contact at a time: in lanes, what is measured is this machine's two cores.
    races = Races(database, lanes=1)
    facts = [fact for fact in BY_API for _ in range(pick(short=5, long=250))]
    races.chance.shuffle(facts)
    found = figures(races.run(facts))
    races.close()
    name = database.engine.dialect.name
    verdicts.record("races", f"one at a time ({name})", seed=SEED, **found)

    assert found["lost"] == 0
    if LONG:
        assert is_patient(found)


def test_without_the_barrier_the_judge_finds_messages_after_the_reply(
    broken: Races, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, barrier in (
        ("sekvens.web.ingress", "pass_through"),
        ("sekvens.web.unsubscribe", "wait_for_senders"),
    ):
        monkeypatch.setattr(f"{module}.{barrier}", lambda *_, **__: True)

    assert broken.lost_of([Fact.PURCHASE, Fact.UNSUBSCRIBE, Fact.SUPPRESSION] * 8)
    assert broken.lost_of([Fact.LINK] * 24)


def test_a_reply_before_the_commit_is_found_too(
    broken: Races, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = GroupCommitWriter.submit
    storing: list[threading.Thread] = []

    def reply_at_once(writer: GroupCommitWriter, batch: Any) -> Future[Ingested]:
        def store() -> None:
            time.sleep(0.02)
            submit(writer, batch).result()

        storing.append(threading.Thread(target=store))
        storing[-1].start()
        told: Future[Ingested] = Future()
        told.set_result(Ingested())
        return told

    monkeypatch.setattr(GroupCommitWriter, "submit", reply_at_once)
    lost = broken.lost_of([Fact.PURCHASE] * 24)
    for each in storing:
        each.join()

    assert lost


def figures(races: list[Race]) -> dict[str, Any]:
    """Tell who won, and how long the API's replies took against SES."""
    calls = [race.call for race in races if race.call is not None]
    by_api = [race for race in races if race.fact in BY_API]
    return {
        "races": len(races),
        "left": len(calls),
        "lost": sum(race.is_lost for race in races),
        "overlaps": sum(race.is_overlap for race in races),
        "met": sum(race.met for race in races),
    } | replies(
        [race.acknowledged_in for race in by_api if race.met],
        [race.acknowledged_in for race in by_api if not race.met],
        [call.ended_at - call.began_at for call in calls],
    )
