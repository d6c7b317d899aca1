"""The worker: the one place where the parts are put together. `python worker.py` runs it.

Two task queues: workflows and quick activities on `flows`; sends on `ses`, where SES's own rate is
the queue's limit for the whole fleet. On SIGTERM it finishes the activities that are running and
hands everything else back. Beside them a task follows what SES lets the account send, and a thread
reads SES's events, if there is a queue of them.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client
from temporalio.worker import Worker

from activities.audiences import AudienceActivities
from activities.bugs import Bugs
from activities.enrollments import EnrollmentActivities
from activities.experiments import ExperimentActivities
from activities.messages import MessageActivities
from activities.metrics import MetricActivities
from activities.monday import MondayActivities
from activities.outages import Outages
from activities.predictions import PredictionActivities
from sekvens.audiences.expiry import Expirer
from sekvens.audiences.look_back import check_look_back, flows_in_use
from sekvens.audiences.retention import Retention
from sekvens.audiences.rounds import Rounds
from sekvens.audiences.scan import Scanner
from sekvens.audiences.schedules import keep_schedules
from sekvens.clock import SystemClock
from sekvens.db.migrate import upgrade
from sekvens.db.session import Database
from sekvens.enrollments import names
from sekvens.enrollments.deeds import Deeds
from sekvens.enrollments.publish import live_flows
from sekvens.experiments.incentives import costs_of
from sekvens.experiments.looking import Looker
from sekvens.feedback.evidence import Evidence
from sekvens.feedback.poller import FeedbackPoller, polling
from sekvens.feedback.probe import Prober
from sekvens.feedback.queue import SqsQueue
from sekvens.flows.definition import Audience, Flow
from sekvens.messages.envelope import Envelope
from sekvens.messages.links import check_secret
from sekvens.messages.send import Sender
from sekvens.messages.situation import rules_of
from sekvens.metrics.refresh import Refresher
from sekvens.metrics.rules import Rules
from sekvens.plugin import connect, deployment_of
from sekvens.predictions.predicting import Predictor
from sekvens.prometheus.asked import tell_of
from sekvens.quota.asking import QuotaDesk
from sekvens.quota.keeping import keeping_to_quota
from sekvens.quota.queue_limit import QueueLimit
from sekvens.send_time.choosing import BestTimes
from sekvens.service import Service, run_service, until_ready, watch
from sekvens.ses.client import SesClient
from sekvens.settings import Settings, load_settings
from sekvens.staff.monday.posting import MondayPost
from sekvens.webhooks.caller import WebhookCaller
from workflows.registered import WORKFLOWS

logger = logging.getLogger("sekvens.worker")

QUICK_THREADS = 20
#: They share one processor (Python has one lock), so more at once are no more a second, but each
#: takes longer: a hundred of them take longer than the ten seconds after which Temporal gives a
#: task up and hands it out again, and then nothing is ever finished (measured, docs/benchmarks.md).
WORKFLOW_TASKS_MAX = 10
#: About 250 KiB each (bench.load): 500 MB of those asleep; the rest are replayed when woken.
CACHED_ENROLLMENTS_MAX = 2000
#: A send takes its lock's wait and SES's time-outs at the most.
SHUTDOWN_GRACE = timedelta(seconds=25)


def main() -> int:
    """Run the worker until it is told to stop."""
    return run_service("worker", serve)


async def serve(service: Service) -> None:
    """Put the parts together and work until the service is told to stop."""
    settings = load_settings()
    settings.shop_time()  # refuses quick days unless SES is local
    check_secret(settings.api)
    database = Database(
        settings.database.url, pool_size=QUICK_THREADS + 2 * settings.ses.concurrency
    )
    tell_of(database, SystemClock())
    ses = SesClient(settings.ses)
    await until_ready("the database", lambda: asyncio.to_thread(upgrade, database))
    used = await until_ready("the database", lambda: asyncio.to_thread(used_flows, database))
    check_look_back(settings.privacy, used)
    desk = build_desk(settings, database, ses)
    queue_rate = await until_ready("SES", lambda: asyncio.to_thread(desk.queue_rate))
    client = await until_ready("Temporal", connect)
    await until_ready("Temporal's search attributes", lambda: register_search_attributes(client))
    flows = await until_ready("the database", lambda: asyncio.to_thread(live_audiences, database))
    await until_ready("Temporal's schedules", lambda: keep_schedules(client, settings, flows))
    with (
        ThreadPoolExecutor(QUICK_THREADS, "quick") as quick,
        ThreadPoolExecutor(settings.ses.concurrency, "ses") as sends,
        reading_feedback(settings, database),
    ):
        workers = build_workers(
            client,
            settings,
            database,
            ses,
            quick=quick,
            sends=sends,
            queue_rate=queue_rate,
        )
        service.ready(f"the worker is at work on {names.FLOWS_QUEUE} and {names.SES_QUEUE}")
        watching = asyncio.create_task(watch("Temporal", lambda: _greet(client)))
        async with keeping_to_quota(desk, QueueLimit(client)):
            await _work(workers, service)
        watching.cancel()
    database.close()


def build_workers(
    client: Client,
    settings: Settings,
    database: Database,
    ses: SesClient,
    *,
    quick: ThreadPoolExecutor,
    sends: ThreadPoolExecutor,
    queue_rate: float,
) -> list[Worker]:
    """Build the two workers of a process."""
    clock = SystemClock()
    webhooks = WebhookCaller(database=database, clock=clock, webhooks=settings.webhooks)
    deeds = Deeds(database=database, clock=clock, webhooks=webhooks)
    enrollments = EnrollmentActivities(
        database=database,
        clock=clock,
        shop=settings.shop,
        deeds=deeds,
        best_times=BestTimes(settings.shop, rules_of(settings.sending).quiet, settings.send_time),
    )
    messages = MessageActivities(build_sender(settings, database, ses), Bugs(database, clock))
    interceptors, deployment = [Outages()], deployment_of(settings.worker)
    return [
        Worker(
            client,
            task_queue=names.FLOWS_QUEUE,
            workflows=WORKFLOWS,
            activities=[
                *scheduled_activities(settings, database, ses),
                enrollments.answer_question,
                enrollments.carry_out,
                enrollments.record_signal,
                enrollments.finish_enrollment,
                enrollments.move_enrollment,
            ],
            activity_executor=quick,
            max_concurrent_activities=QUICK_THREADS,
            max_concurrent_workflow_tasks=WORKFLOW_TASKS_MAX,
            max_cached_workflows=CACHED_ENROLLMENTS_MAX,
            graceful_shutdown_timeout=SHUTDOWN_GRACE,
            interceptors=interceptors,
            deployment_config=deployment,
        ),
        Worker(
            client,
            task_queue=names.SES_QUEUE,
            activities=[messages.send_message],
            activity_executor=sends,
            max_concurrent_activities=settings.ses.concurrency,
            max_task_queue_activities_per_second=queue_rate,
            graceful_shutdown_timeout=SHUTDOWN_GRACE,
            interceptors=interceptors,
            deployment_config=deployment,
        ),
    ]


def build_sender(settings: Settings, database: Database, ses: SesClient) -> Sender:
    """Build what sends messages."""
    return Sender(
        database=database,
        ses=ses,
        clock=SystemClock(),
        envelope=Envelope.of(settings, database),
        sending=settings.sending,
        evidence=build_evidence(settings, database, ses),
        consent=settings.consent,
        experiments=settings.experiments,
    )


def build_desk(settings: Settings, database: Database, ses: SesClient) -> QuotaDesk:
    """Build what asks SES for its limits, in turn with the other workers."""
    share = settings.sending.order_mail_share
    return QuotaDesk(database=database, account=ses, clock=SystemClock(), share=share)


def build_evidence(settings: Settings, database: Database, ses: SesClient) -> Evidence | None:
    """Build what settles a lost answer by SES's own events; None: none are read."""
    if not settings.feedback.queue_url:
        return None
    clock = SystemClock()
    prober = Prober(
        database=database,
        ses=ses,
        clock=clock,
        feedback=settings.feedback,
        sender=settings.shop.sender.address,
    )
    return Evidence(
        database=database,
        clock=clock,
        feedback=settings.feedback,
        grace=timedelta(seconds=settings.sending.grace_seconds),
        prober=prober,
    )


def reading_feedback(settings: Settings, database: Database) -> AbstractContextManager[None]:
    """Read SES's events beside the work, for the length of a block; every worker may."""
    if not settings.feedback.queue_url:
        return nullcontext()
    poller = FeedbackPoller(
        database=database,
        queue=SqsQueue(settings),
        clock=SystemClock(),
        shop_time=settings.shop_time(),
        feedback=settings.feedback,
    )
    return polling(poller)


def scheduled_activities(
    settings: Settings, database: Database, ses: SesClient
) -> list[Callable[..., Any]]:
    """List what scheduled workflows call."""
    post = MondayPost(settings=settings, database=database, ses=ses, clock=SystemClock())
    predictor = Predictor(database=database, clock=SystemClock(), shop_time=settings.shop_time())
    return [
        *build_audiences(settings, database).all_of_them(),
        build_metrics(settings, database).refresh_metrics_batch,
        build_experiments(settings, database).look_at_experiments,
        PredictionActivities(predictor).predict_batch,
        MondayActivities(post).send_monday_mails,
    ]


def build_audiences(settings: Settings, database: Database) -> AudienceActivities:
    """Build what scans, erases and lets go."""
    clock, shop_time = SystemClock(), settings.shop_time()
    kept = settings.privacy
    return AudienceActivities(
        scanner=Scanner(
            database=database, clock=clock, shop_time=shop_time, off=settings.flows.off
        ),
        retention=Retention(
            database=database,
            clock=clock,
            shop_time=shop_time,
            inactive_after=timedelta(days=kept.erase_inactive_days),
            unconfirmed_after=timedelta(days=kept.erase_unconfirmed_days),
            copies_kept_for=timedelta(days=kept.copies_days),
        ),
        expirer=Expirer(database=database, clock=clock, privacy=kept),
        rounds=Rounds(database=database, clock=clock, shop_time=shop_time, shop=settings.shop),
    )


def build_metrics(settings: Settings, database: Database) -> MetricActivities:
    """Build what the scheduled counting calls."""
    rules = Rules.of(settings)
    return MetricActivities(Refresher(database=database, clock=SystemClock(), rules=rules))


def build_experiments(settings: Settings, database: Database) -> ExperimentActivities:
    """Build what looks at experiments."""
    shop = settings.shop
    return ExperimentActivities(
        Looker(
            database=database,
            clock=SystemClock(),
            shop_time=settings.shop_time(),
            currency=shop.currency,
            costs=costs_of(shop),
        )
    )


def live_audiences(database: Database) -> list[str]:
    """List the flows that new contacts may enter and that a scan finds them for."""
    with database.read() as session:
        flows = [published.flow for published in live_flows(session)]
    return [flow.name for flow in flows if isinstance(flow.trigger, Audience)]


def used_flows(database: Database) -> list[Flow]:
    """List the flow versions that are live, or that somebody is under way in."""
    with database.read() as session:
        return flows_in_use(session)


async def register_search_attributes(client: Client) -> None:
    """Make the search attributes known to the namespace; those that are there already stay."""
    service = client.operator_service
    listed = await service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = set(names.SEARCH_ATTRIBUTES) - set(listed.custom_attributes)
    if missing:
        keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        await service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace,
                search_attributes=dict.fromkeys(sorted(missing), keyword),
            )
        )


async def _greet(client: Client) -> None:
    await client.workflow_service.get_system_info(
        GetSystemInfoRequest(), timeout=timedelta(seconds=5)
    )


async def _work(workers: Sequence[Worker], service: Service) -> None:
    running = [asyncio.create_task(worker.run()) for worker in workers]
    stop = asyncio.create_task(service.stop.wait())
    await asyncio.wait([*running, stop], return_when=asyncio.FIRST_COMPLETED)
    logger.info("finishing what is running", extra={"action": "worker_stopping"})
    await asyncio.gather(*(worker.shutdown() for worker in workers))
    stop.cancel()
    await asyncio.gather(*running)


if __name__ == "__main__":
    sys.exit(main())
