"""Load on the real services: sign-ups as fast as they come, purchases among them, and a judge.

The judge compares three accounts of the same contacts: what was posted, what Temporal runs, and the
local SES's own log. Our database is asked as well, and believed by nobody.
"""

import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, inspect, select, table
from temporalio.client import Client, WorkflowExecutionStatus

from sekvens.contacts.tables import Identity
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.ses.local.store import FILE_NAME
from tests.e2e.stack import Stack, address_of, order, running_stack, sign_up

#: The services whose memory is watched.
WATCHED = ("api", "relay", "worker")
#: Days last as long as days do: after its first e-mail, an enrollment waits.
DAY_SECONDS = 86_400.0
#: Contacts in one request, and requests at once.
CONTACTS_IN_A_REQUEST = 50
CONNECTIONS = 4
#: Requests at once of what is posted at a rate.
POSTERS = 16
MIB = 1024 * 1024
#: Flow and step, as the local SES's log has them.
FIRST_MAIL = "welcome hello"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far contacts have come."""

    enrolled: int  #: rows of enrollments in the welcome
    started: int  #: those that Temporal has
    mailed: int  #: those whose first e-mail SES took


@dataclass(frozen=True, kw_only=True)
class Lost:
    """What the judge found; all empty if all is well."""

    not_enrolled: frozenset[str]  #: contacts without an enrollment
    enrolled_twice: frozenset[str]
    not_started: frozenset[str]  #: workflow ids that Temporal does not know
    not_mailed: frozenset[str]  #: addresses that SES got no first e-mail for
    mailed_twice: frozenset[str]

    @property
    def count(self) -> int:
        """Tell how much it is."""
        return self.missing + self.twice

    @property
    def missing(self) -> int:
        """Tell how much did not happen."""
        return len(self.not_enrolled) + len(self.not_started) + len(self.not_mailed)

    @property
    def twice(self) -> int:
        """Tell how much happened twice."""
        return len(self.enrolled_twice) + len(self.mailed_twice)


@contextmanager
def running_load_stack(folder: Path, **options: object) -> Iterator[Stack]:
    """Run all services on PostgreSQL, with a SES whose rate nobody reaches."""
    given: dict[str, object] = {
        "day_seconds": DAY_SECONDS,
        "postgresql": True,
        "ses_options": ("--rate", "100000", "--per-day", "-1"),
        **options,
    }
    with (
        _keeping_bytecode(folder / "bytecode"),
        running_stack(folder, **given) as stack,  # type: ignore[arg-type]  # as they are named
    ):
        yield stack


@contextmanager
def _keeping_bytecode(folder: Path) -> Iterator[None]:
    """Let services keep byte code, in a folder where this process may keep none.

    The sandbox imports the workflow anew for every run: a worker that may keep no byte code
    compiles it each time, which would be measured as ours.
    """
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(folder))
        yield


def sign_up_all(stack: Stack, users: Sequence[str]) -> float:
    """Post sign-ups as fast as the API takes them; tell how long that took, in seconds."""
    began = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS, "shop") as shops:
        posts = [
            shops.submit(stack.post, *(event for user in some for event in sign_up(user)))
            for some in _batched(users, CONTACTS_IN_A_REQUEST)
        ]
        for post in posts:
            post.result()
    return time.monotonic() - began


def progress(stack: Stack) -> Progress:
    """Ask the database and SES how far everybody has come."""
    is_started = func.count().filter(Enrollment.delivered_seq >= 0)
    with stack.database.read() as session:
        query = select(func.count(), is_started).where(Enrollment.flow == "welcome")
        enrolled, started = session.execute(query).one()
    [(mailed,)] = _ask_ses(stack, f"SELECT count(*) FROM accepted WHERE flow = '{FIRST_MAIL}'")
    return Progress(enrolled=enrolled, started=started, mailed=mailed)


def await_mails(
    stack: Stack, wanted: int, *, tell: Callable[[Progress], None], stall_seconds: float = 120.0
) -> None:
    """Wait until so many got their first e-mail, and tell how far it is, once a second or so.

    Raises:
        TimeoutError: nothing has moved for a long time.
    """
    last, moved_at = progress(stack), time.monotonic()
    while last.mailed < wanted:
        time.sleep(1.0)
        now = progress(stack)
        tell(now)
        if now != last:
            last, moved_at = now, time.monotonic()
        if time.monotonic() - moved_at > stall_seconds:
            raise TimeoutError(f"{last.mailed} of {wanted} have their e-mail, and nothing moves")


async def judge(stack: Stack, users: Iterable[str]) -> Lost:
    """Compare what was posted with what Temporal runs and what SES took."""
    wanted = set(users)
    with stack.database.read() as session:
        query = select(Identity.value, Enrollment.workflow_id).join(
            Enrollment, Enrollment.contact_id == Identity.contact_id
        )
        rows = session.execute(query.where(Enrollment.flow == "welcome")).all()
    entries = Counter(value for value, _ in rows if value in wanted)
    running = await _workflow_ids(await stack.temporal(), "welcome")
    mails = Counter(_first_mails(stack))
    addresses = {address_of(user) for user in wanted}
    return Lost(
        not_enrolled=frozenset(wanted - set(entries)),
        enrolled_twice=frozenset(user for user, count in entries.items() if count > 1),
        not_started=frozenset(
            flow for user, flow in rows if user in wanted and flow not in running
        ),
        not_mailed=frozenset(addresses - set(mails)),
        mailed_twice=frozenset(one for one, count in mails.items() if count > 1),
    )


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """One purchase: who, and when the API had answered."""

    user: str
    answered_at: datetime


def keep_coming(
    stack: Stack,
    *,
    sign_ups: Sequence[str],
    buyers: Sequence[str],
    per_second: float,
    between: Callable[[], None] = lambda: None,
) -> list[Purchase]:
    """Post sign-ups at a rate, one a request, and the purchases sprinkled among them evenly."""
    bought: list[Purchase] = []
    lock = threading.Lock()

    def buy(user: str) -> None:
        answered_at = stack.post(order(user, f"o-{user}"))
        with lock:
            bought.append(Purchase(user=user, answered_at=answered_at))

    every = max(1, len(sign_ups) // max(1, len(buyers)))
    waiting = list(reversed(buyers))
    began = time.monotonic()
    with ThreadPoolExecutor(POSTERS, "shop") as shops:
        posts = []
        for number, user in enumerate(sign_ups):
            time.sleep(max(0.0, began + number / per_second - time.monotonic()))
            posts.append(shops.submit(stack.post, *sign_up(user)))
            if number % every == every // 2 and waiting:
                posts.append(shops.submit(buy, waiting.pop()))
            between()
        for post in posts:
            post.result()
    return bought


async def seconds_to_close(
    stack: Stack, purchases: Sequence[Purchase], *, patience: float = 120.0
) -> list[float]:
    """Tell, sorted, how long after each 200 Temporal closed the buyer's welcome, by its own clock.

    Raises:
        TimeoutError: one is not closed in time.
    """
    client = await stack.temporal()
    with stack.database.read() as session:
        query = select(Identity.value, Enrollment.workflow_id).join(
            Enrollment, Enrollment.contact_id == Identity.contact_id
        )
        flows = session.execute(
            query.where(
                Enrollment.flow == "welcome", Identity.value.in_([each.user for each in purchases])
            )
        )
        ids = dict(flows.all())
    took = []
    deadline = time.monotonic() + patience
    for each in purchases:
        handle = client.get_workflow_handle(ids[each.user])
        while (closed_at := (await handle.describe()).close_time) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{handle.id} is not closed {patience:g} s later")
            time.sleep(0.2)  # noqa: ASYNC251  nobody else is on this loop
        took.append((closed_at - each.answered_at).total_seconds())
    return sorted(took)


def at(values: Sequence[float], share: float) -> float:
    """Tell a percentile of sorted values: the smallest that so large a share does not exceed."""
    return values[max(0, -(-int(share * 1000) * len(values) // 1000) - 1)]


def peak_rss(stack: Stack) -> dict[str, float]:
    """Tell the most memory that each service has ever held, in MiB; a new process begins anew."""
    return {name: _status(stack, name, "VmHWM") for name in WATCHED}


def rss(stack: Stack) -> dict[str, float]:
    """Tell the memory that each service holds, in MiB."""
    return {name: _status(stack, name, "VmRSS") for name in WATCHED}


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """Tell the processor time of each service, with that of its children (PostgreSQL has many)."""
    used = {}
    for name, process_id in stack.processes.process_ids().items():
        parent = psutil.Process(process_id)
        used[name] = sum(_cpu_seconds_of(one) for one in (parent, *parent.children(recursive=True)))
    return used


def open_files(stack: Stack) -> dict[str, int]:
    """Tell how many file descriptors each service has open."""
    ids = stack.processes.process_ids()
    return {name: psutil.Process(ids[name]).num_fds() for name in WATCHED if name in ids}


def rows(database: Database) -> dict[str, int]:
    """Count the rows of each table that has any."""
    names = inspect(database.engine).get_table_names()
    with database.read() as session:
        counts = {
            name: session.scalar(select(func.count()).select_from(table(name))) or 0
            for name in names
        }
    return {name: count for name, count in counts.items() if count}


def under_way(stack: Stack) -> int:
    """Count the enrollments that are not over."""
    with stack.database.read() as session:
        query = select(func.count()).where(Enrollment.state != EnrollmentState.ENDED)
        return session.scalar(query) or 0


async def open_workflows(stack: Stack) -> set[str]:
    """List the workflow ids that Temporal says are open."""
    client = await stack.temporal()
    found = client.list_workflows("ExecutionStatus = 'Running'", page_size=1000)
    return {each.id async for each in found if each.status is WorkflowExecutionStatus.RUNNING}


async def _workflow_ids(client: Client, flow: str) -> set[str]:
    """List the workflow ids of a flow, once visibility shows all of them."""
    found: set[str] = set()
    while True:
        listed = client.list_workflows(f"WorkflowType = '{flow}'", page_size=1000)
        now = {each.id async for each in listed}
        if now == found:
            return found
        found = now
        time.sleep(0.5)  # noqa: ASYNC251  nobody else is on this loop


def _first_mails(stack: Stack) -> list[str]:
    """List to whom SES took the welcome's first e-mail, once for each time that it did."""
    first = "SELECT json_extract(recipients, '$[0]') FROM accepted"
    return [address for (address,) in _ask_ses(stack, f"{first} WHERE flow = '{FIRST_MAIL}'")]


def first_mails_with_time(stack: Stack) -> list[tuple[str, str]]:
    """List to whom SES took the welcome's first e-mail, and when."""
    what = "SELECT json_extract(recipients, '$[0]'), accepted_at FROM accepted"
    return _ask_ses(stack, f"{what} WHERE flow = '{FIRST_MAIL}'")


def _ask_ses(stack: Stack, query: str) -> list[tuple]:  # type: ignore[type-arg]  # whatever it asks for
    path = (stack.site.data / "ses" / FILE_NAME).resolve()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def _cpu_seconds_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


def _status(stack: Stack, service: str, field: str) -> float:
    process_id = stack.processes.process_ids().get(service)
    status = Path(f"/proc/{process_id}/status")
    if not status.exists():  # not Linux, or it has just been killed
        return 0.0
    for line in status.read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024 / MIB
    return 0.0


def _batched(users: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for first in range(0, len(users), size):
        yield users[first : first + size]
