"""The crash matrix: processes die and freeze at every named point, and each message has its end.

The invariant: nothing here decides what became of a message. `play` only does the harm and waits
until the ledger has an end for everybody; `judging` compares that with SES's own log.
"""

import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import OperationalError

from sekvens.fault_points import VARIABLE, FaultPoint
from sekvens.feedback.tables import Feedback
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message
from tests.chaos import verdicts
from tests.chaos.casting import Casting
from tests.chaos.freezing import freeze
from tests.chaos.judging import TERMINAL, Verdict, judged, ses_log
from tests.chaos.matrix_cells import (
    ALONE_CELLS,
    BEFORE_REPLY,
    DAY_SECONDS,
    DUE,
    ENDED_SECONDS,
    FEEDBACK_CELLS,
    FROZEN_CELLS,
    FROZEN_SECONDS,
    GRACE_SECONDS,
    IMPATIENT,
    RELAY_CELLS,
    REPLY_CELLS,
    ROUNDS,
    SCALED,
    SENDER_CELLS,
    SIGNATURE_SECONDS,
    SILENCE_SECONDS,
    SILENT_CELLS,
    STANDS_SECONDS,
    Cell,
)
from tests.chaos.scale import SEED
from tests.e2e.stack import (
    Stack,
    address_of,
    eventually,
    order,
    running_stack,
    sign_up,
    track,
)


class Matrix:
    """Every cell on one database's stack."""

    def __init__(self, stack: Stack, database: str) -> None:
        self.database = database
        self._stack = stack
        self._casting = Casting(stack, seed=SEED)
        self._contact_ids = self._casting.contact_ids

    def verdict(self, cell: Cell) -> Verdict:
        """Judge a cell, and write down what was found."""
        found = judged(
            self._stack,
            *self._casting.met[cell],
            due=[DUE[cell.purpose]],
            stream_is_alive=cell.stream_is_alive,
        )
        verdicts.record("matrix", f"{cell}, {self.database}", seed=SEED, **found.facts())
        return found

    def play(self) -> None:
        """Do all the harm, round after round, and wait until everybody has an end."""
        self._warm_up()
        for number in range(ROUNDS):
            self._casting.begin()
            self._kill_relays(self._casting.cast(RELAY_CELLS))
            feedback, sender = self._casting.cast(FEEDBACK_CELLS), self._casting.cast(SENDER_CELLS)
            if number % 2:  # by their own hand, one after the other
                self._kill_one_by_one(sender)
                # A worker without a queue would give up what is in doubt by now.
                self._stack.start("worker")
                self._wait_for_ends(sender)
                sender = {}
            self._leave_unread(feedback)
            self._kill_all_at_once(feedback, sender, self._casting.cast(REPLY_CELLS))
            self._freeze(self._casting.cast(FROZEN_CELLS))
            if ALONE_CELLS and number == 0:
                self._leave_alone(self._casting.cast(ALONE_CELLS))
        self._stack.tell_events(lost=1.0)
        for _ in range(ROUNDS):
            self._casting.begin()
            silent = self._casting.cast(SILENT_CELLS)
            senders = {cell: who for cell, who in silent.items() if cell.point != BEFORE_REPLY}
            replies = {cell: who for cell, who in silent.items() if cell.point == BEFORE_REPLY}
            self._kill_all_at_once({}, senders, replies)
            self._stack.start("worker", **IMPATIENT)
            self._wait_for_ends(silent)

    # The harm.

    def _kill_relays(self, cast: Mapping[Cell, list[str]]) -> None:
        """Let the relay kill itself; its leases pass while the other cells are played."""
        self._stack.kill("relay")
        for cell, user_ids in cast.items():
            # The relay's points lie in its one thread: the first of them stops all.
            self._stack.start_only("relay", **self._arm("kill", {cell: user_ids[:1]}))
            self._post({cell: user_ids})
            self._stack.wait_for_its_end("relay")
        self._stack.start("relay")

    def _leave_unread(self, cast: Mapping[Cell, list[str]]) -> None:
        """Let SES's answers be lost, and its events lie in the queue, for nobody reads them."""
        self._kill_worker()
        self._stack.start_only("worker", SEKVENS_FEEDBACK__QUEUE_URL="")
        self._hold_answers("reset_after_accept", cast)
        self._post(cast)
        self._wait_for_ses(cast)
        self._stack.kill("worker")

    def _kill_one_by_one(self, cast: Mapping[Cell, list[str]]) -> None:
        """Let a worker kill itself at one contact's point; the others are wherever they are."""
        self._kill_worker()
        for cell, user_ids in cast.items():
            self._stack.start_only("worker", **self._arm("kill", {cell: user_ids[:1]}))
            self._post({cell: user_ids})
            self._stack.wait_for_its_end("worker")

    def _kill_all_at_once(
        self,
        feedback: Mapping[Cell, list[str]],
        sender: Mapping[Cell, list[str]],
        replies: Mapping[Cell, list[str]],
    ) -> None:
        """Let every message come to its point and stand there, then kill the worker, once."""
        self._kill_worker()
        hang = f"hang:{STANDS_SECONDS}"
        armed = self._arm(hang, sender)[VARIABLE]
        reader = f"{FaultPoint.FEEDBACK_RECEIVED}={hang}"
        faults = ",".join(filter(None, [armed, reader if feedback else ""]))
        seen = len(self._stack.log("worker"))
        self._stack.start_only("worker", **{VARIABLE: faults})
        self._post(sender)
        self._wait_until_there("worker", sender)
        if feedback:
            line = f"fault point {FaultPoint.FEEDBACK_RECEIVED}"
            eventually(lambda: line in self._stack.log("worker")[seen:], "events are received")
        # Last, for the worker waits no longer than five seconds for SES.
        self._hold_answers("hang_after_accept", replies)
        self._post(replies)
        self._wait_for_ses(replies)
        self._stack.kill("worker")

    def _freeze(self, cast: Mapping[Cell, list[str]]) -> None:
        """Freeze one worker in mid-send, let another settle everything, and thaw the first.

        Whose request was half written holds the contact's lock. SQLite's goes with the process
        only, so its message waits for the thaw. PostgreSQL's goes with the connection: we break it,
        the message is sent again, and only the age of the signature keeps the first one out.
        """
        self._stack.start_only("worker-2", **self._arm(f"hang:{FROZEN_SECONDS}", cast))
        self._post(cast)
        self._wait_until_there("worker-2", cast)
        thaws_at = time.monotonic() + FROZEN_SECONDS
        process_id = freeze(self._stack, "worker-2")
        self._stack.start_only("worker")  # who waits until all are ready waits for the frozen one
        if self.database == "postgresql":
            self._stack.kill("postgresql")
            self._stack.start_only("postgresql")
            eventually(self._is_back, "PostgreSQL is back")
            self._wait_for_ends(self._casting.met)
        else:
            eventually(lambda: self._are_settled_or_locked(cast), "frozen ones are settled")
        os.kill(process_id, signal.SIGCONT)
        # Told to stop, it finishes what it was at: whatever it would send it has sent then.
        time.sleep(max(0.0, thaws_at - time.monotonic()))
        assert self._stack.terminate("worker-2") == 0
        self._stack.stop("worker-2")
        self._wait_for_ends(self._casting.met)

    def _leave_alone(self, cast: Mapping[Cell, list[str]]) -> None:
        """Kill the only worker, and start none until grace and silence are over."""
        self._kill_all_at_once({}, cast, {})
        time.sleep(GRACE_SECONDS + SILENCE_SECONDS + 1)
        self._stack.start("worker", **IMPATIENT)
        self._wait_for_ends(cast)

    # What the harm is made of.

    def _kill_worker(self) -> None:
        if "worker" in self._stack.processes.process_ids():
            self._stack.kill("worker")

    def _warm_up(self) -> None:
        """Send one message and read its event: a new installation's stream counts as silent."""
        self._stack.post(*sign_up("warm-up"))

        def is_heard() -> bool:
            with self._stack.database.read() as session:
                return session.query(Feedback).first() is not None

        eventually(is_heard, "the first event is read")

    def _arm(self, fault: str, cast: Mapping[Cell, list[str]]) -> dict[str, str]:
        whose: dict[str, list[str]] = defaultdict(list)
        for cell, user_ids in cast.items():
            whose[cell.point] += [self._contact_ids[user_id] for user_id in user_ids]
        faults = [f"{point}={fault}@{'+'.join(ids)}" for point, ids in whose.items()]
        return {VARIABLE: ",".join(faults)}

    def _post(self, cast: Mapping[Cell, list[str]]) -> None:
        """Post what makes their message due."""
        events = [
            track(user_id, "Email Subscribed")
            if cell.purpose is Purpose.MARKETING
            else order(user_id, f"order-{user_id}")
            for cell, user_ids in cast.items()
            for user_id in user_ids
        ]
        if events:
            self._stack.post(*events)

    def _hold_answers(self, mode: str, cast: Mapping[Cell, list[str]]) -> None:
        for user_ids in cast.values():
            for user_id in user_ids:
                self._stack.break_ses(mode, count=1, recipient=address_of(user_id))

    def _wait_until_there(self, service: str, cast: Mapping[Cell, list[str]]) -> None:
        lines = {
            f"fault point {cell.point}: hang {self._contact_ids[user_id]}\n"
            for cell, user_ids in cast.items()
            for user_id in user_ids
        }

        def are_there() -> bool:
            log = self._stack.log(service)
            return all(line in log for line in lines)

        eventually(are_there, "all messages stand at their points")

    def _wait_for_ses(self, cast: Mapping[Cell, list[str]]) -> None:
        wanted = {address_of(user_id) for user_ids in cast.values() for user_id in user_ids}

        def has_all() -> bool:
            taken = {recipient for each in ses_log(self._stack) for recipient in each.recipients}
            return wanted <= taken

        eventually(has_all, "SES has taken their messages")

    def _wait_for_ends(self, cast: Mapping[Cell, list[str]]) -> None:
        wanted = {
            (self._contact_ids[user_id], *DUE[cell.purpose])
            for cell, user_ids in cast.items()
            for user_id in user_ids
        }

        def have_ends() -> bool:
            rows = self._stack.ledger()
            ended = {(row.contact_id, row.flow, row.step_id) for row in rows
                     if row.state in TERMINAL}  # fmt: skip
            return wanted <= ended

        eventually(have_ends, "every message has an end in the ledger", seconds=ENDED_SECONDS)

    def _is_back(self) -> bool:
        try:
            self._stack.ledger()
        except OperationalError:
            return False
        return True

    def _are_settled_or_locked(self, cast: Mapping[Cell, list[str]]) -> bool:
        """Tell whether others have done for these messages what they could."""
        rows = {row.contact_id: row for row in self._stack.ledger()}
        mine = [rows[self._contact_ids[user_id]] for each in cast.values() for user_id in each]
        return all(row.state in TERMINAL or _was_wanted(row) for row in mine)


def _was_wanted(row: Message) -> bool:
    """Tell whether another worker has wanted to send a message, and found its lock taken."""
    return row.attempts > 1 and "was not free" in (row.note or "")


@contextmanager
def played_matrix(folder: Path, *, postgresql: bool) -> Iterator[Matrix]:
    """Play the matrix on one database; its services run while the block judges."""
    with running_stack(
        folder,
        day_seconds=DAY_SECONDS,
        grace_seconds=GRACE_SECONDS,
        postgresql=postgresql,
        settings=SCALED,
        ses_options=("--signature-age", str(SIGNATURE_SECONDS)),
    ) as stack:
        matrix = Matrix(stack, "postgresql" if postgresql else "sqlite")
        matrix.play()
        yield matrix
