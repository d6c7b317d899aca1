"""Fault points: off unless switched on, and then exactly where and to whom they were meant."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from sekvens import fault_points
from sekvens.errors import SettingsError
from sekvens.fault_points import VARIABLE, FaultPoint, reached

REACH = (
    "import os; from sekvens import fault_points as f; f.switch_on(os.environ); "
    "f.reached(f.FaultPoint.BEFORE_CLAIM, 'c-1'); print('claims', flush=True); "
    "f.reached(f.FaultPoint.AFTER_CLAIM); print('lives', flush=True)"
)


@pytest.fixture(autouse=True)
def switched_off_afterwards() -> Iterator[None]:
    yield
    fault_points.switch_on({})


def outcome_of(faults: str) -> tuple[int, str]:
    command = [sys.executable, "-c", REACH]
    ended = subprocess.run(command, env={VARIABLE: faults}, capture_output=True, check=False)
    return ended.returncode, ended.stdout.decode()


def test_nothing_happens_unless_a_fault_is_switched_on() -> None:
    assert outcome_of("") == (0, "claims\nlives\n")


def test_a_process_is_killed_where_it_was_told_to_be() -> None:
    assert outcome_of("after_claim=kill") == (-9, "claims\n")


def test_a_fault_meets_the_contact_that_it_was_meant_for_at_points_that_do_not_know_whose() -> None:
    assert outcome_of("after_claim=kill@c-1") == (-9, "claims\n")
    assert outcome_of("after_claim=kill@c-2") == (0, "claims\nlives\n")
    assert outcome_of("after_claim=kill@c-2+c-1") == (-9, "claims\n")


def test_a_hang_takes_its_time_and_goes_on() -> None:
    fault_points.switch_on({VARIABLE: "before_claim=hang:0.2"})
    began = time.monotonic()
    reached(FaultPoint.BEFORE_CLAIM)

    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("wrong", ["before_lunch=kill", "after_claim=faint", "after_claim=hang:x"])
def test_a_fault_that_there_is_not_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(SettingsError, match="before_claim"):
        fault_points.switch_on({VARIABLE: wrong})


def test_a_service_that_has_faults_switched_on_says_so(caplog: pytest.LogCaptureFixture) -> None:
    fault_points.switch_on({VARIABLE: "after_claim=kill@c-1, relay_committed=stop"})

    assert [record.action for record in caplog.records] == ["fault_point_armed"] * 2
