"""Feedback end to end but for Temporal: the real client, the real poller, the local SES's process.

The judge is the local SES's own log: how often it took a message, and which events it threw away.
"""

import json
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sekvens.clock import SystemClock
from sekvens.db.session import Database
from sekvens.feedback.evidence import Evidence
from sekvens.feedback.poller import FeedbackPoller, polling
from sekvens.feedback.probe import Prober
from sekvens.feedback.queue import SqsQueue
from sekvens.flows.outcomes import InDoubt, Outcome, Sent, Skipped
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.envelope import Envelope
from sekvens.messages.send import Sender
from sekvens.messages.tables import Message, MessageState
from sekvens.sections import FeedbackSettings, SendingSettings, SesSettings
from sekvens.ses.client import SesClient
from sekvens.ses.local.store import read_log
from sekvens.settings import Settings
from tests.unit.composing import sample_shop
from tests.unit.sending import API, NO_CALM, PostOffice, mixed
from tests.unit.waiting import PATIENCE

GRACE_SECONDS, SILENCE_SECONDS, RESEND_SECONDS = 2, 3, 6


class Machine:
    """Everything but Temporal, at the pace of seconds."""

    def __init__(self, database: Database, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.office = PostOffice(database, flow=mixed())
        self.database, self.clock = database, SystemClock()
        self.settings = Settings(
            shop=sample_shop(),
            ses=SesSettings(endpoint_url=url),
            sending=SendingSettings(
                production=True, grace_seconds=GRACE_SECONDS, resend_seconds=RESEND_SECONDS,
                **NO_CALM,
            ),
            feedback=FeedbackSettings(
                queue_url=f"{url}/000000000000/ses-feedback", wait_seconds=1, probe_seconds=1,
                event_delay_seconds=1, silence_seconds=SILENCE_SECONDS,
            ),
        )  # fmt: skip
        self.ses = SesClient(self.settings.ses)
        self.sender = self._sender()
        self.queue = SqsQueue(self.settings)

    def _sender(self) -> Sender:
        feedback, sending = self.settings.feedback, self.settings.sending
        prober = Prober(database=self.database, ses=self.ses, clock=self.clock,
                        feedback=feedback, sender=self.settings.shop.sender.address)  # fmt: skip
        grace = timedelta(seconds=sending.grace_seconds)
        evidence = Evidence(database=self.database, clock=self.clock, feedback=feedback,
                            grace=grace, prober=prober)  # fmt: skip
        envelope = Envelope(database=self.database, shop=self.settings.shop, api=API)
        return Sender(database=self.database, ses=self.ses, clock=self.clock, envelope=envelope,
                      sending=sending, evidence=evidence)  # fmt: skip

    def polls(self) -> Any:
        poller = FeedbackPoller(database=self.database, queue=self.queue, clock=self.clock,
                                shop_time=ShopTime(), feedback=self.settings.feedback)  # fmt: skip
        return polling(poller)

    def control(self, path: str, method: str, content: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310  our own address
            f"{self.url}/_local/{path}",
            None if content is None else json.dumps(content).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return json.load(answer)

    def send(self, enrollment_id: str, step_id: str) -> Outcome:
        """Send as a workflow does: look again whenever it is told to."""
        order = self.office.order(step_id, enrollment_id=enrollment_id)
        return self.sender.send(order)

    def settle(self, enrollment_id: str, step_id: str) -> Outcome:
        deadline = time.monotonic() + 60
        while isinstance(outcome := self.send(enrollment_id, step_id), InDoubt):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return outcome

    def row(self, enrollment_id: str) -> Message:
        with self.database.read() as session:
            return session.query(Message).filter_by(enrollment_id=enrollment_id).one()

    def taken(self) -> Counter[str]:
        return Counter(each.tags["message_id"] for each in read_log(self.folder))


@pytest.fixture
def machine(sqlite_database: Database, tmp_path: Path) -> Iterator[Machine]:
    folder = tmp_path / "ses"
    command = [sys.executable, "-m", "sekvens.ses.local", "--data", str(folder), "--rate", "500"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, ExitStack() as up:
        assert process.stdout is not None
        machine = Machine(sqlite_database, process.stdout.readline().split()[-1], folder)
        up.callback(process.terminate)
        up.callback(machine.ses.close)
        up.callback(machine.queue.close)
        yield machine


@contextmanager
def begun(machine: Machine) -> Iterator[None]:
    """Read the stream, and let it have an event from before."""
    with machine.polls():
        machine.office.enroll("e-first", machine.office.contact_id)
        assert isinstance(machine.send("e-first", "hello"), Sent)
        wait_for(lambda: machine.row("e-first").id in told_of(machine), "the first event")
        yield


def told_of(machine: Machine) -> set[str | None]:
    from sekvens.feedback.tables import Feedback

    with machine.database.read() as session:
        return {each.message_id for each in session.query(Feedback)}


def wait_for(probe: Any, what: str) -> None:
    deadline = time.monotonic() + 30
    while not probe():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("mode", ["reset_after_accept", "error_after_accept", "truncate"])
def test_a_lost_answer_is_settled_by_the_event_within_seconds(
    machine: Machine,
    mode: str,
    raw: bool,  # noqa: FBT001
) -> None:
    machine.control("events", "PUT", {"raw": raw})
    with begun(machine):
        machine.control("faults", "POST", {"mode": mode})
        first = machine.send("e-1", "hello")
        wait_for(lambda: machine.row("e-1").state == "accepted", "its event")

    row = machine.row("e-1")
    assert isinstance(first, InDoubt)
    assert isinstance(machine.send("e-1", "hello"), Sent)
    assert (row.settled_by, row.resent_in_doubt) == ("event", False)
    assert machine.taken()[row.id] == 1


@pytest.mark.parametrize("step_id", ["hello", "receipt"])
def test_what_did_not_arrive_is_sent_again_on_the_word_of_a_probe(
    machine: Machine, step_id: str
) -> None:
    with begun(machine):
        machine.control("faults", "POST", {"mode": "reset_before_accept"})
        first = machine.send("e-1", step_id)
        outcome = machine.settle("e-1", step_id)

    row, taken = machine.row("e-1"), machine.taken()
    probes = [name for name in taken if name.startswith("p-")]
    assert (isinstance(first, InDoubt), isinstance(outcome, Sent)) == (True, True)
    assert (row.settled_by, row.resent_in_doubt, taken[row.id]) == ("live_stream", True, 1)
    assert len(probes) >= 1


def test_in_a_silent_stream_marketing_is_given_up_and_order_mail_sent_again_flagged(
    machine: Machine,
) -> None:
    with begun(machine):
        machine.control("events", "PUT", {"lost": 1})
        machine.control("faults", "POST", {"mode": "reset_after_accept", "count": 2})
        machine.office.enroll("e-2", machine.office.contact_id)
        machine.send("e-1", "hello")
        machine.send("e-2", "receipt")
        outcomes = machine.settle("e-1", "hello"), machine.settle("e-2", "receipt")

    marketing, receipt, taken = machine.row("e-1"), machine.row("e-2"), machine.taken()
    assert (type(outcomes[0]), type(outcomes[1])) == (Skipped, Sent)
    assert (marketing.skip_reason, taken[marketing.id]) == ("outcome_unknown", 1)
    assert (receipt.resent_in_doubt, receipt.settled_by, taken[receipt.id]) == (True, "time", 2)


def test_with_a_fifth_of_the_events_thrown_away_no_duplicate_is_silent(machine: Machine) -> None:
    chances = random.Random(20261122)  # noqa: S311  the same faults each time
    names = [f"e-many-{number}" for number in range(60)]
    modes = ["reset_after_accept", "reset_before_accept", "error_after_accept", "throttle"]
    with begun(machine):
        faults = {"lost": 0.2, "doubled": 0.1, "shuffled": True, "seed": 5, "only_send": True}
        machine.control("events", "PUT", faults)
        waiting = {name: chances.choice(["hello", "receipt"]) for name in names}
        for name, step_id in waiting.items():
            machine.office.enroll(name, machine.office.contact_id)
            if chances.random() < 0.5:
                machine.control("faults", "POST", {"mode": chances.choice(modes)})
            machine.send(name, step_id)
        outcomes = {name: settled(machine, name, step_id) for name, step_id in waiting.items()}
        time.sleep(2)

    taken, told = machine.taken(), machine.control("events", "GET")
    lost = {each["message_id"] for each in told if not each["copies"]}
    rows = {name: machine.row(name) for name in names}
    twice = [row for row in rows.values() if taken[row.id] > 1]
    assert all(row.resent_in_doubt and row.id in lost for row in twice)
    assert all(taken[row.id] >= 1 for row in rows.values() if row.state == MessageState.ACCEPTED)
    assert {type(outcome) for outcome in outcomes.values()} <= {Sent, Skipped}
    assert all(
        row.skip_reason == "outcome_unknown" and row.purpose == "marketing"
        for row in rows.values()
        if row.state == MessageState.SKIPPED
    )
    assert twice  # or the faults have tested nothing
    assert sum(row.settled_by == "event" for row in rows.values()) >= 5


def settled(machine: Machine, name: str, step_id: str) -> Outcome:
    deadline = time.monotonic() + 60
    while (outcome := machine.send(name, step_id)).kind in ("in_doubt", "deferred"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return outcome
