"""The warm process: what it hands on to those it forks, who outlives whom, and many at once."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from sekvens.errors import TemplateError, TooSlow
from sekvens.limited.job import Limits
from sekvens.limited.warm import WarmProcess

ROOT = Path(__file__).parents[2]
WARM_UP = "tests.unit.burning:warm_up"
LIMITS = Limits(cpu_seconds=1, wall_seconds=60)
PATIENCE_SECONDS = 30.0
#: A caller that has something done for ever, and says by whom.
CALLER = f"""
import sys, threading, time
sys.path.insert(0, {str(ROOT)!r})
from sekvens.limited.job import Limits
from sekvens.limited.warm import WarmProcess
warm = WarmProcess({WARM_UP!r})
long = Limits(wall_seconds=600)
def ask(function):
    return warm.call("tests.unit.burning:" + function, None, named="it", limits=long)
print(ask("tell_who")[1], flush=True)
threading.Thread(target=ask, args=("sleep",)).start()
time.sleep(60)
"""


@pytest.fixture
def warm() -> Iterator[WarmProcess]:
    process = WarmProcess(WARM_UP)
    yield process
    process.close()


def ask(warm: WarmProcess, function: str, argument: object = None, limits: Limits = LIMITS) -> Any:
    return warm.call(
        f"tests.unit.burning:{function}", argument, named="welcome/hello", limits=limits
    )


def warm_one(warm: WarmProcess) -> psutil.Process:
    return psutil.Process(ask(warm, "tell_who")[1])


def wait_until(is_so: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < until, "it never was so"
        time.sleep(0.01)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_each_order_has_a_process_of_its_own_from_one_that_stays(warm: WarmProcess):
    first, second = ask(warm, "tell_who"), ask(warm, "tell_who")

    assert first[0] != second[0]
    assert first[1] == second[1]


def test_nothing_that_one_order_leaves_behind_meets_another(warm: WarmProcess):
    told = [ask(warm, "remember", word) for word in ("a", "b")]

    assert told == [[], []]


def test_no_secret_stands_in_its_environment(warm: WarmProcess, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SEKVENS_API__LINK_SECRET", "canary" * 6)
    told = ask(warm, "tell")

    assert told.keys() <= {"LC_CTYPE", "WORD"}
    assert "canary" not in repr(told)
    assert b"canary" not in Path(f"/proc/{warm_one(warm).pid}/environ").read_bytes()


def test_nobody_inherits_a_file_or_a_connection(warm: WarmProcess):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        told = ask(warm, "tell_files")
        theirs = warm_one(warm).net_connections()

    assert told == [0, 1, 2]
    assert theirs == []


def test_one_that_is_ended_by_a_limit_takes_nobody_with_it(warm: WarmProcess):
    before = warm_one(warm)
    with pytest.raises(TemplateError, match="make it simpler"):
        ask(warm, "burn")

    assert warm_one(warm) == before
    assert before.children() == []


def test_what_takes_too_long_is_ended_and_not_left_to_itself(warm: WarmProcess):
    stays = warm_one(warm)
    with pytest.raises(TooSlow, match="within 1 s"):
        ask(warm, "sleep", limits=Limits(wall_seconds=1))

    wait_until(lambda: stays.children() == [])


def test_many_at_once_get_each_their_own_answer(warm: WarmProcess):
    deeds = ["tell_who", "crash", "nap"] * 10
    with ThreadPoolExecutor(len(deeds)) as pool:
        told = list(pool.map(lambda deed: answer(warm, deed), deeds))

    pids = [each[0] for each in told[::3]]
    assert len(set(pids)) == 10
    assert {each[1] for each in told[::3]} == set(told[2::3])
    assert all("make it simpler" in each for each in told[1::3])


def answer(warm: WarmProcess, deed: str) -> Any:
    try:
        return ask(warm, deed, 0.2)
    except TemplateError as error:
        return str(error)


def test_one_that_has_died_is_replaced(warm: WarmProcess, caplog: pytest.LogCaptureFixture):
    before = warm_one(warm)
    before.kill()
    wait_until(lambda: is_gone(before))

    assert warm_one(warm) != before
    assert [record.action for record in caplog.records] == ["warm_process_died"]  # type: ignore[attr-defined]


def test_an_order_under_way_is_given_to_another_when_the_warm_one_dies(warm: WarmProcess):
    before = warm_one(warm)
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(ask, warm, "nap", 2)
        wait_until(before.children)
        before.kill()

    assert told.result() not in (before.pid, None)


def test_an_order_that_ends_the_warm_process_is_given_up_and_the_next_is_carried_out(
    warm: WarmProcess,
):
    with pytest.raises(TooSlow, match=r"^welcome/hello was not written: the process .* was ended"):
        ask(warm, "murder")

    assert ask(warm, "nap", 0)


def test_it_has_one_thread_for_a_fork_would_copy_no_other(warm: WarmProcess):
    assert warm_one(warm).num_threads() == 1


def test_it_and_those_it_forked_end_with_a_caller_that_is_killed():
    with subprocess.Popen([sys.executable, "-c", CALLER], stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        stays = psutil.Process(int(caller.stdout.readline()))
        wait_until(stays.children)
        [sleeps] = stays.children()
        os.kill(caller.pid, signal.SIGKILL)

    wait_until(lambda: is_gone(stays) and is_gone(sleeps))


def test_closing_it_ends_it_and_it_can_be_asked_again(warm: WarmProcess):
    before = warm_one(warm)
    warm.close()

    assert is_gone(before)
    assert warm_one(warm) != before
