"""What every service has: a health endpoint, patience with its world, and an end at once."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sekvens import probe, service
from sekvens.errors import SettingsError
from sekvens.sections import ApiSettings
from sekvens.service import until_ready
from tests.ports import free_port
from tests.unit.waiting import PATIENCE

PRELUDE = """
import asyncio, sys, time
from sekvens.errors import NotSent, SettingsError
from sekvens.service import run_service, until_ready

async def never():
    raise NotSent("SES cannot be reached")
"""
WAITS = """
async def serve(service):
    await until_ready("SES", never)
"""
WAITS_LONG = f"""
from sekvens import service
service.RETRY_SECONDS_MIN = 60.0
{WAITS}
"""
HANGS = """
async def serve(service):
    await until_ready("the database", lambda: asyncio.to_thread(time.sleep, 60))
"""
READY_AFTER_A_WORD = """
async def serve(service):
    await asyncio.to_thread(sys.stdin.readline)
    service.ready("it does its work")
    await service.stop.wait()
    print("finished what was running", flush=True)
"""
BAD_SETTINGS = """
async def serve(service):
    await until_ready("the settings", misread)

async def misread():
    raise SettingsError("sending.allow_list is no list")
"""


@contextmanager
def running(serve: str, **environ: str) -> Iterator["subprocess.Popen[str]"]:
    program = f"{PRELUDE}{serve}\nsys.exit(run_service('tester', serve))\n"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def health(port: int) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=PATIENCE) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def health_when_it_is_up(port: int, wanted: int) -> str:
    for _ in range(600):
        try:
            status, body = health(port)
        except OSError:
            status = 0
        if status == wanted:
            return body
        time.sleep(0.05)
    pytest.fail(f"no {wanted} within 30 s")


def test_health_is_503_until_the_service_is_ready_and_200_from_then_on() -> None:
    port = free_port()
    with running(READY_AFTER_A_WORD, SEKVENS_HEALTH_PORT=str(port)) as process:
        before = health_when_it_is_up(port, 503)
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        after = health_when_it_is_up(port, 200)

    assert before == '{"service": "tester", "ready": false}'
    assert after == '{"service": "tester", "ready": true}'


def test_a_probe_tells_waiting_from_working_and_living_from_dead() -> None:
    port = free_port()
    environ = {"SEKVENS_HEALTH_PORT": str(port)}
    said = [probe.main(words, environ) for words in ([], ["--alive"])]
    with running(READY_AFTER_A_WORD, **environ) as process:
        health_when_it_is_up(port, 503)
        said += [probe.main(words, environ) for words in ([], ["--alive"])]
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        health_when_it_is_up(port, 200)
        said += [probe.main(words, environ) for words in ([], ["--alive"])]

    assert said == [1, 1, 1, 0, 0, 0]


def test_a_probe_asks_the_api_where_no_health_port_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert int(probe.API_PORT) == ApiSettings().port
    monkeypatch.setattr(probe, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections and says nothing
        port = str(mute.getsockname()[1])

        assert probe.main(["--alive"], {"SEKVENS_API__PORT": port}) == 1


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as reply:
        assert reply.headers["Content-Type"].startswith("text/plain; version=")
        return reply.read().decode()


def test_the_health_port_tells_prometheus_what_the_service_has_counted() -> None:
    port = free_port()
    with running(READY_AFTER_A_WORD, SEKVENS_HEALTH_PORT=str(port)) as process:
        health_when_it_is_up(port, 503)
        before = metrics(port)
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        health_when_it_is_up(port, 200)
        after = metrics(port)

    assert 'sekvens_process_ready{process="tester"} 0.0' in before
    assert 'sekvens_process_ready{process="tester"} 1.0' in after
    assert 'sekvens_log_lines_total{action="tester_ready",level="info"} 1.0' in after
    assert "process_resident_memory_bytes" in after


def test_the_metrics_of_temporals_sdk_have_a_port_of_their_own() -> None:
    port = free_port()
    with running(WAITS, SEKVENS_TEMPORAL_METRICS_PORT=str(port)) as process:
        assert process.stderr is not None
        process.stderr.readline()  # it has begun
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as reply:
            assert reply.status == 200


def test_a_service_that_is_told_to_stop_finishes_what_is_running() -> None:
    port = free_port()
    with running(READY_AFTER_A_WORD, SEKVENS_HEALTH_PORT=str(port)) as process:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        health_when_it_is_up(port, 200)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out) == (0, "finished what was running\n")


@pytest.mark.parametrize("serve", [WAITS_LONG, HANGS], ids=["tries again", "hangs in a thread"])
def test_a_service_that_waits_for_its_world_ends_at_once(serve: str) -> None:
    port = free_port()
    with running(serve, SEKVENS_HEALTH_PORT=str(port)) as process:
        health_when_it_is_up(port, 503)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=PATIENCE / 2)  # what it waits for takes 60 seconds

    assert (process.returncode, "Traceback" in log) == (0, False)


def test_what_cannot_be_reached_is_said_in_a_sentence() -> None:
    with running(WAITS) as process:
        assert process.stderr is not None
        line = process.stderr.readline()

    expected = "SES cannot be reached (SES cannot be reached); trying again in 0.5 s"
    assert f" WARNING sekvens.service {expected}  action=dependency_unreachable" in line


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "sending.allow_list is no list"),
        ({"SEKVENS_HEALTH_PORT": "http"}, "SEKVENS_HEALTH_PORT=http cannot be used"),
        ({"SEKVENS_HEALTH_PORT": "99999"}, "SEKVENS_HEALTH_PORT=99999 cannot be used"),
        ({"SEKVENS_TEMPORAL_METRICS_PORT": "x"}, "SEKVENS_TEMPORAL_METRICS_PORT=x cannot be used"),
        ({"SEKVENS_LOG_LEVEL": "loud"}, "SEKVENS_LOG_LEVEL is LOUD; it may be one of"),
    ],
)
def test_settings_that_cannot_be_used_are_exit_code_2_and_one_sentence(
    environ: dict[str, str], sentence: str
) -> None:
    with running(BAD_SETTINGS, **environ) as process:
        out, told = process.communicate(timeout=30)

    assert (process.returncode, out) == (2, "")
    assert told.startswith(f"tester: {sentence}")
    assert told.count("\n") == 1


def test_a_health_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(BAD_SETTINGS, SEKVENS_HEALTH_PORT=str(port)) as process:
            _, told = process.communicate(timeout=30)

    assert process.returncode == 2
    assert told.startswith(f"tester: SEKVENS_HEALTH_PORT={port} cannot be used")


async def test_it_tries_until_it_works_ever_more_patiently(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, waits = [OSError(), ValueError(), OSError()] * 3, []

    async def attempt() -> str:
        if answers:
            raise answers.pop()
        return "here"

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    # The patience itself is not worth the test's time.
    monkeypatch.setattr(service.asyncio, "sleep", sleep)

    assert await until_ready("it", attempt) == "here"
    assert waits == [0.5, 1, 2, 4, 8, 15, 15, 15, 15]


async def test_a_setting_that_is_wrong_is_not_waited_for() -> None:
    async def attempt() -> None:
        raise SettingsError("no")

    with pytest.raises(SettingsError):
        await asyncio.wait_for(until_ready("it", attempt), PATIENCE)
