"""Enrollments per second end to end, against a bare Temporal workflow in the same run.

Ours is the whole way through the real processes: an event posted to the API, the relay, Temporal's
dev server, the worker, the local SES, until the enrollment is over and its e-mails are accepted.
The bare one has the same timers and as many activities, which do nothing. Then, from one history of
each: history events, billable actions and bytes per e-mail.
`python -m bench.enrollments [--short] [--postgres]`
"""

import asyncio
import base64
import contextlib
import json
import os
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from temporalio.client import Client

from bench.bare import FLOWS_QUEUE, Bare, BareInput
from bench.harness import (
    Figure,
    arguments,
    cpu_seconds,
    listens,
    machine,
    new_site,
    postgres,
    running,
    say,
    scratch,
    show,
    start,
)
from bench.history import show_histories
from sekvens.clock import SystemClock
from sekvens.db.migrate import upgrade
from sekvens.db.session import Database
from sekvens.demo import services
from sekvens.demo.processes import Processes, Service
from sekvens.demo.services import Site
from sekvens.enrollments.publish import publish
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.flows.asking import subscribed
from sekvens.flows.builder import MARKETING, event, exit_on, flow, send, wait
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason
from sekvens.messages import templates
from sekvens.messages.tables import Message, MessageState
from sekvens.plugin import sekvens_plugin
from tests.ports import free_port

#: E-mails of one enrollment; none of them needs a cart or an offer.
LETTERS = ("welcome/hello", "welcome/who-we-are", "welcome/what-others-say")
WAIT = timedelta(seconds=1)
#: Nobody is left in calm here: the e-mails follow one another, and at night, too.
NO_CALM = {
    "SEKVENS_SENDING__QUIET_FROM": "00:00",
    "SEKVENS_SENDING__QUIET_UNTIL": "00:00",
    "SEKVENS_SENDING__MARKETING_PER_DAY": "0",
    "SEKVENS_SENDING__MARKETING_PER_WEEK": "0",
}
#: Starts in flight at once, as many as the relay has.
IN_FLIGHT = 32
#: Contacts in one request.
BATCH = 25
STALL_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of it."""

    enrollments: int
    rounds: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """One side of one round."""

    per_second: float
    cpu: Counter[str]  #: milliseconds per enrollment, by process


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where it is played."""

    site: Site
    client: Client
    database: Database
    processes: Processes


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__ or "", ("--postgres", "keep the facts in PostgreSQL, not SQLite"))
    print(machine())
    plan = Plan(enrollments=20, rounds=1) if given.short else Plan(enrollments=300, rounds=2)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch())
        site = new_site(folder)
        environ = _environ(site)
        if given.postgres:
            environ["SEKVENS_DATABASE__URL"] = stack.enter_context(postgres(folder))
        database = Database(environ["SEKVENS_DATABASE__URL"])
        stack.callback(database.close)
        say("starting Temporal, the local SES, API, relay and both workers")
        _prepare(database)
        processes = stack.enter_context(
            running(environ, folder / "logs", services.temporal(site), _fast_ses(site))
        )
        start(processes, services.worker(site), services.api(site), services.relay(site))
        start(processes, _bare_worker(site))
        asyncio.run(_measure(plan, site, database, processes))


async def _measure(plan: Plan, site: Site, database: Database, processes: Processes) -> None:
    client = await Client.connect(site.temporal_address, plugins=[sekvens_plugin()])
    stage = Stage(site=site, client=client, database=database, processes=processes)
    await _bare(stage, round_number=0, count=2)  # caches, connections, first imports
    await _ours(stage, round_number=0, count=2)
    bare, ours = [], []
    for number in range(1, plan.rounds + 1):
        say(f"round {number} of {plan.rounds}: {plan.enrollments} bare workflows")
        bare.append(await _bare(stage, round_number=number, count=plan.enrollments))
        say(f"round {number} of {plan.rounds}: {plan.enrollments} enrollments")
        ours.append(await _ours(stage, round_number=number, count=plan.enrollments))
    name = "SQLite" if database.is_sqlite else "PostgreSQL"
    mails = len(LETTERS)
    show(
        f"Enrollments end to end ({mails} e-mails each, {name}; times {mails} for e-mails)",
        [
            _figure("bare Temporal workflows", bare),
            _figure("Sekvens, from the posted event on", ours),
        ],
        unit="enrollments",
    )
    with database.read() as session:
        workflow_id = session.scalars(select(Enrollment.workflow_id).limit(1)).one()
    kinds = {"bare Temporal workflow": "bare/1/0", "Sekvens": workflow_id}
    await show_histories(client, kinds, mails=mails)


def _figure(name: str, runs: list[Run]) -> Figure:
    """Take the mean of the rounds; the remark tells where processor time went."""
    cpu: Counter[str] = sum((run.cpu for run in runs), Counter[str]())
    spent = ", ".join(f"{who} {used / len(runs):.0f}" for who, used in cpu.most_common())
    mean = sum(run.per_second for run in runs) / len(runs)
    return Figure(name=name, per_second=mean, note=f"CPU ms each: {spent}" if spent else "")


async def _bare(stage: Stage, *, round_number: int, count: int) -> Run:
    given = BareInput(sends=len(LETTERS), wait_seconds=WAIT.total_seconds())
    in_flight = asyncio.Semaphore(IN_FLIGHT)

    async def one(number: int) -> Any:
        async with in_flight:
            handle = await stage.client.start_workflow(
                Bare.run, given, id=f"bare/{round_number}/{number}", task_queue=FLOWS_QUEUE
            )
        return await handle.result()

    before, began = cpu_seconds(stage.processes.process_ids()), time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(count)))
    return _run(stage, before, began, count)


async def _ours(stage: Stage, *, round_number: int, count: int) -> Run:
    before, began = cpu_seconds(stage.processes.process_ids()), time.perf_counter()
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        await asyncio.to_thread(_post, stage.site, round_number, list(numbers))
    await _until_over(stage, (2 if round_number else 0) + count * max(1, round_number))
    return _run(stage, before, began, count)


def _run(stage: Stage, before: dict[str, float], began: float, count: int) -> Run:
    took = time.perf_counter() - began
    after = cpu_seconds(stage.processes.process_ids())
    used = {who: (after[who] - before.get(who, 0.0)) * 1000 / count for who in after}
    return Run(
        per_second=count / took,
        cpu=Counter({who: spent for who, spent in used.items() if spent >= 0.5}),
    )


def _post(site: Site, round_number: int, numbers: list[int]) -> None:
    """Post what a shop posts at a sign-up: who it is, and that they want e-mails."""
    batch = []
    for number in numbers:
        user = f"bench-{round_number}-{number}"
        traits = {"email": f"{user}@example.com", "firstName": "Kerstin", "locale": "sv"}
        batch += [
            {"type": "identify", "userId": user, "messageId": f"{user}-i", "traits": traits},
            {"type": "track", "userId": user, "messageId": f"{user}-s",
             "event": "Email Subscribed", "properties": {}},
        ]  # fmt: skip
    request = urllib.request.Request(  # noqa: S310  our own address
        f"{site.api_url}/v1/batch",
        data=json.dumps({"batch": batch}).encode(),
        headers={"Authorization": f"Basic {_credentials(site)}"},
    )
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


def _credentials(site: Site) -> str:
    return base64.b64encode(f"{site.write_key}:".encode()).decode()


async def _until_over(stage: Stage, wanted: int) -> None:
    """Wait until so many enrollments have ended, and see that each of their e-mails left.

    Raises:
        RuntimeError: nothing has moved for a long time, or an e-mail was not accepted.
    """
    ended, last_move = 0, time.monotonic()
    while ended < wanted:
        await asyncio.sleep(0.05)
        now_ended = await asyncio.to_thread(_count, stage.database)
        if now_ended != ended:
            ended, last_move = now_ended, time.monotonic()
        if time.monotonic() - last_move > STALL_SECONDS:
            stage.processes.check()
            raise RuntimeError(f"{ended} of {wanted} enrollments are over, and nothing moves")
    with stage.database.read() as session:
        accepted = session.scalar(
            select(func.count()).select_from(Message).where(Message.state == MessageState.ACCEPTED)
        )
    if accepted != wanted * len(LETTERS):
        raise RuntimeError(f"{accepted} e-mails were accepted, not {wanted * len(LETTERS)}")


def _count(database: Database) -> int:
    ended = select(func.count()).where(Enrollment.state == EnrollmentState.ENDED)
    with database.read() as session:
        return session.scalar(ended) or 0


def _bench_flow() -> Flow:
    steps: list[Any] = []
    for template in LETTERS:
        step_id = template.partition("/")[2]
        steps += [wait(f"before-{step_id}", WAIT), send(step_id, template=template)]
    return flow(
        "bench",
        version=1,
        purpose=MARKETING,
        trigger=event("Email Subscribed"),
        entry=[subscribed()],
        exit_when=[exit_on("Order Completed", ExitReason.CONVERTED)],
        steps=steps,
    )


def _prepare(database: Database) -> None:
    upgrade(database)
    with database.write() as session:
        publish(session, _bench_flow(), now=SystemClock().now(), store_templates=templates.store)


def _environ(site: Site) -> dict[str, str]:
    nobodys = site.data / "temporal.toml"  # somebody's own profile must not be used
    nobodys.touch()
    quiet = {"SEKVENS_LOG_LEVEL": "WARNING", "TEMPORAL_CONFIG_FILE": str(nobodys)}
    return {**site.environ(os.environ), **quiet, **NO_CALM}


def _fast_ses(site: Site) -> Service:
    """The local SES, with a rate that nobody reaches."""
    local = services.local_ses(site)
    return replace(local, command=[*local.command, "--rate", "100000", "--per-day", "-1"])


def _bare_worker(site: Site) -> Service:
    command = [sys.executable, "-m", "bench.bare_worker", site.temporal_address]
    port = free_port()
    return Service(name="bare-worker", command=[*command, str(port)], is_ready=listens(port))


if __name__ == "__main__":
    main()
