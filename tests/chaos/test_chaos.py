"""Everything dies at random under load, SES answers badly, its events come late, twice or not.

The judge is the local SES's own log. The invariant (docs/message-lifecycle.md): with a living
stream every due message is accepted exactly once; a second one only where its event was lost, and
then the ledger says so.
"""

import itertools
import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from sekvens.feedback.tables import Feedback
from tests.chaos import verdicts
from tests.chaos.crowd import Crowd, Findings
from tests.chaos.judging import ses_log
from tests.chaos.nemesis import Nemesis, victims
from tests.chaos.scale import LONG, SEED, pick
from tests.e2e.services import PATIENCE
from tests.e2e.stack import Stack, eventually, logs_on_failure, running_stack, sign_up

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(1200)]

#: Nobody's second e-mail is due before the test is over.
DAY_SECONDS = 7200.0
#: As the settings demand: longer than the dispatch deadline (5 s), the age of a signature and the
#: delay of events together. Events are late by four seconds, and with a dead reader for one.
SIGNATURE_SECONDS, EVENT_DELAY_SECONDS = 3, 6
GRACE_SECONDS = 15
SETTINGS = {
    "SENDING__ATTEMPT_SECONDS": "6",
    "SENDING__RESEND_SECONDS": "200",
    "FEEDBACK__WAIT_SECONDS": "1",
    "FEEDBACK__VISIBILITY_SECONDS": "1",
    "FEEDBACK__PROBE_SECONDS": "1",
    "FEEDBACK__EVENT_DELAY_SECONDS": str(EVENT_DELAY_SECONDS),
    "FEEDBACK__SILENCE_SECONDS": "150",
}
#: Of all calls of SES.
FAULT_SHARE = 0.15
LATE_AND_TWICE = {"doubled": 0.2, "delayed": 0.4, "delay_seconds": 4, "shuffled": True}

#: How often whom, on PostgreSQL; the local SES lives on: it is the judge.
SHORT = {"worker": 7, "relay": 2, "api": 2, "temporal": 1, "postgresql": 1}
ROUND = {"worker": 36, "relay": 6, "api": 6, "temporal": 3, "postgresql": 5}


@dataclass(frozen=True, kw_only=True)
class Round:
    """One stack, one crowd, one nemesis."""

    database: str
    number: int
    kills: dict[str, int]

    @property
    def seed(self) -> int:
        """Give every round choices of its own."""
        return SEED + self.number

    @property
    def name(self) -> str:
        """Name it for the table."""
        return f"{self.database}-{self.number}"


def _rounds() -> list[Round]:
    if not LONG:
        return [Round(database="postgresql", number=1, kills=SHORT)]
    on_sqlite = {name: count for name, count in ROUND.items() if name != "postgresql"}
    return [
        *(Round(database="postgresql", number=number, kills=ROUND) for number in range(1, 7)),
        *(Round(database="sqlite", number=number, kills=on_sqlite) for number in (7, 8)),
    ]


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Stack]]:
    """Start two workers and everything else on a database; the logs are shown of a red test."""
    with ExitStack() as up:

        def started(database: str) -> Stack:
            stack = up.enter_context(
                running_stack(
                    tmp_path,
                    day_seconds=DAY_SECONDS,
                    grace_seconds=GRACE_SECONDS,
                    postgresql=database == "postgresql",
                    settings=SETTINGS,
                    ses_options=("--signature-age", str(SIGNATURE_SECONDS)),
                )
            )
            up.enter_context(logs_on_failure(stack, request))
            stack.start_only("worker-2")
            return stack

        yield started


def survive(stack: Stack, plan: Round, **events: Any) -> tuple[Findings, Nemesis]:
    """Let a crowd come while the nemesis is at work, and settle everything."""
    show_life(stack)
    stack.tell_events(**LATE_AND_TWICE, **events, seed=plan.seed)
    crowd = Crowd(
        stack, plan.name, seed=plan.seed, fault_share=FAULT_SHARE, faults_max=pick(short=1, long=3)
    )
    nemesis = Nemesis(stack, victims(plan.kills, seed=plan.seed), seed=plan.seed)
    with crowd.coming(every=0.3), nemesis.at_work():
        pass
    crowd.settle()  # whether it has or not, the judge says what is missing
    return crowd.judge(), nemesis


def show_life(stack: Stack) -> None:
    """Let the stream have one event: to a message from before its first, it is silent."""

    def is_heard() -> bool:
        with stack.database.read() as session:
            return session.scalar(select(Feedback.id).where(Feedback.is_ours).limit(1)) is not None

    stack.post(*sign_up("first"))
    eventually(is_heard, "the first event has come")


def write_down(cell: str, plan: Round, findings: Findings, nemesis: Nemesis, **more: int) -> None:
    verdicts.record(
        "chaos",
        cell,
        seed=plan.seed,
        kills=sum(nemesis.kills.values()),
        **findings.facts(),
        **more,
        died=len(nemesis.died),
        **{f"kills_of_{name}": count for name, count in sorted(nemesis.kills.items())},
    )


@pytest.mark.parametrize("plan", _rounds(), ids=lambda plan: plan.name)
def test_whatever_dies_every_message_is_accepted_exactly_once(plan, start):
    stack = start(plan.database)
    findings, nemesis = survive(stack, plan)
    write_down(plan.name, plan, findings, nemesis)

    again = f"SEED={SEED}, logs in {stack.site.data}"
    assert findings.broken() == [], again
    assert findings.all.duplicates == 0, again
    assert findings.in_doubt > 0
    assert nemesis.died == []


FIFTH = {"worker": 24, "relay": 3, "api": 3, "temporal": 1}


@pytest.mark.skipif(not LONG, reason="takes minutes: CHAOS=long")
@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
def test_where_a_fifth_of_the_events_is_lost_every_second_message_is_owned_up_to(database, start):
    plan = Round(database=database, number=20 + len(database), kills=FIFTH)
    stack = start(database)
    findings, nemesis = survive(stack, plan, lost=0.2)
    fates = fates_of_events(stack)
    # Each but the last of a message must have been taken without a word from SES.
    unheard = {which: copies[:-1] for which, copies in fates.items() if len(copies) > 1}
    rows = {row.id: row for row in stack.ledger()}
    lost = sum(copies.count(0) for copies in fates.values())
    cell = f"fifth-lost-{database}"
    write_down(cell, plan, findings, nemesis, events=len(fates), events_lost=lost)

    again = f"SEED={SEED}, logs in {stack.site.data}"
    assert findings.broken() == [], again
    assert not any(itertools.chain(*unheard.values())), "sent again, though its event came"
    assert all(rows[which].resent_in_doubt for which in unheard)
    assert findings.all.duplicates == sum(map(len, unheard.values()))
    assert nemesis.died == []


def fates_of_events(stack: Stack) -> dict[str, list[int]]:
    """Tell of each message how many copies of its events were told, send by send, in order."""
    fates: dict[str, list[int]] = {}
    ours = {each.id for each in ses_log(stack) if "probe" not in each.tags}
    url = f"{stack.site.inbox_url}/_local/events"
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310  our own address
        told = json.load(answer)
    for each in told:
        if each["id"] in ours:
            fates.setdefault(each["message_id"], []).append(each["copies"])
    return fates
