"""What every long-running process of Sekvens has: signals, patience, a health endpoint, one log.

A service that cannot reach a part of its world says so in one sentence and tries again; it does not
die of it, and it prints no traceback for it.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from sekvens import fault_points
from sekvens.errors import SekvensError, SettingsError
from sekvens.health import HOST, open_health_port
from sekvens.log import SentenceFormatter
from sekvens.prometheus.counted import CountingHandler

logger = logging.getLogger("sekvens.service")

T = TypeVar("T")

RETRY_SECONDS_MIN = 0.5
RETRY_SECONDS_MAX = 15.0
WATCH_SECONDS = 5.0
#: Temporal's SDK logs every retry of every call, dozens a second in an outage: we say it in one
#: sentence ourselves (`watch`, the relay). Whatever else it warns of is shown.
_SDK_LOG = (
    "ERROR,temporalio_common=WARN,temporalio_sdk_core=WARN,temporalio_sdk=WARN,"
    "temporal_sdk_bridge=WARN,temporalio_client=WARN,temporalio_client::retry=OFF"
)


class Service:
    """A running process: when it is ready, and when it is to stop."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stop = asyncio.Event()
        self.is_ready = False

    def ready(self, sentence: str) -> None:
        """Say that the service does its work from now on."""
        self.is_ready = True
        logger.info(sentence, extra={"action": f"{self.name}_ready"})


def run_service(name: str, serve: Callable[[Service], Awaitable[None]]) -> int:
    """Run a service until SIGTERM or Ctrl-C; returns the exit code.

    `SEKVENS_HEALTH_PORT` opens `GET /health` (200 when ready, 503 before) and `GET /metrics`;
    `SEKVENS_TEMPORAL_METRICS_PORT` opens what Temporal's SDK counts by itself.
    """
    try:
        log_to_stderr()
        _prepare_the_sdk()
        fault_points.switch_on(os.environ)
        asyncio.run(_run(Service(name), serve))
    except SettingsError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201  the operator reads this line
        return 2
    return 0


async def until_ready(what: str, attempt: Callable[[], Awaitable[T]]) -> T:
    """Try until it works, saying once in a while what cannot be reached and why."""
    delay = RETRY_SECONDS_MIN
    while True:
        try:
            return await attempt()
        except SettingsError:
            raise
        except Exception as error:  # noqa: BLE001  whatever is wrong with the outside, we wait for it
            reason = str(error) if isinstance(error, SekvensError) else type(error).__name__
            logger.warning(
                "%s cannot be reached (%s); trying again in %g s",
                what,
                reason,
                delay,
                extra={"action": "dependency_unreachable", "dependency": what},
            )
        await asyncio.sleep(delay)
        delay = min(delay * 2, RETRY_SECONDS_MAX)


async def watch(what: str, ask: Callable[[], Awaitable[object]]) -> None:
    """Ask now and then, and say when there is no answer any more, and when there is again."""
    answers = True
    while True:
        try:
            await ask()
        except Exception as error:  # noqa: BLE001  whatever is wrong with the outside, we say so
            if answers:
                logger.warning(
                    "%s cannot be reached (%s); nothing is lost, trying again",
                    what,
                    type(error).__name__,
                    extra={"action": "dependency_unreachable", "dependency": what},
                )
            answers = False
        else:
            if not answers:
                extra = {"action": "dependency_back", "dependency": what}
                logger.info("%s is back", what, extra=extra)
            answers = True
        await asyncio.sleep(WATCH_SECONDS)


def _prepare_the_sdk() -> None:
    """Calm its log, and open the port of its own metrics, if there is to be one."""
    from temporalio.runtime import LoggingConfig, PrometheusConfig, Runtime, TelemetryConfig

    logs = LoggingConfig(filter=_SDK_LOG)
    port, metrics = os.environ.get("SEKVENS_TEMPORAL_METRICS_PORT"), None
    if port:
        host = os.environ.get("SEKVENS_HEALTH_HOST") or HOST
        metrics = PrometheusConfig(bind_address=f"{host}:{port}", durations_as_seconds=True)
    try:
        runtime = Runtime(telemetry=TelemetryConfig(logging=logs, metrics=metrics))
    except (RuntimeError, ValueError) as error:
        raise SettingsError(
            f"SEKVENS_TEMPORAL_METRICS_PORT={port} cannot be used: Temporal's SDK cannot open it"
        ) from error
    Runtime.set_default(runtime, error_if_already_set=False)


class _Threads(ThreadPoolExecutor):
    """The loop's threads; it knows which of them are at work."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="service")
        self.at_work: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future = super().submit(fn, *args, **kwargs)
        self.at_work.add(future)
        future.add_done_callback(self.at_work.discard)
        return future


def log_to_stderr() -> None:
    """Write this process's log as all of ours look; `SEKVENS_LOG_LEVEL` says how much of it.

    Raises:
        SettingsError: there is no such level.
    """
    level = os.environ.get("SEKVENS_LOG_LEVEL", "INFO").upper()
    if level not in logging.getLevelNamesMapping():
        known = ", ".join(logging.getLevelNamesMapping())
        raise SettingsError(f"SEKVENS_LOG_LEVEL is {level}; it may be one of {known}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(SentenceFormatter())
    logging.basicConfig(level=level, handlers=[handler, CountingHandler()])


async def _run(service: Service, serve: Callable[[Service], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    threads = _Threads()
    loop.set_default_executor(threads)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop.set)
    health = await open_health_port(service.name, lambda: service.is_ready)
    task = asyncio.ensure_future(serve(service))
    stopped = asyncio.ensure_future(service.stop.wait())
    await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    was_waiting = not service.is_ready and not task.done()
    if was_waiting:
        task.cancel()  # it was still waiting for its world
    stopped.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    finally:
        if health is not None:
            health.close()
    if was_waiting and threads.at_work:
        # A thread that hangs in a connection cannot be ended, and Python would wait for it.
        logging.shutdown()
        os._exit(0)
