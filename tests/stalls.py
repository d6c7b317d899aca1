"""A machine that stands still: seen, told, and no reason for a red test. A plugin of pytest's.

Machines that run tests are shared; now and then one gives us nothing for seconds. A lease then runs
out, a reply comes too late: all of it as it should. So a test that fails **while the machine was
seen to stand still** is run once more, and the summary names it. One that fails on a machine that
went on is red, and nothing is run again.
"""

import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from _pytest.runner import runtestprotocol
from temporalio.worker import _workflow

#: Seconds by which a thread that sleeps for a moment must wake too late.
STALL: Final = 2.0
_MOMENT: Final = 0.2
#: Seconds after which a workflow that does not yield is called deadlocked. Temporal says 2 and lets
#: nobody choose, short of a debugger's mode that opens the sandbox.
_DEADLOCK: Final = 60
_STALLED: Final = "stalled"


class Watch:
    """Knows the longest time for which this process was given nothing, since it was set to 0."""

    def __init__(self) -> None:
        self.longest = 0.0
        threading.Thread(target=self._look, name="stalls", daemon=True).start()

    def _look(self) -> None:
        before = time.monotonic()
        while True:
            time.sleep(_MOMENT)
            now = time.monotonic()
            self.longest = max(self.longest, now - before - _MOMENT)
            before = now


_watch = Watch()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Function, nextitem: pytest.Item | None) -> bool:
    """Run a test, and once more if it failed while the machine stood still."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    _watch.longest = 0.0
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if _watch.longest >= STALL and any(report.failed for report in reports):
        item.user_properties.append((_STALLED, f"{item.nodeid}: {_watch.longest:.1f} s"))
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name what was run again."""
    again = sorted(set(_run_again(terminalreporter.stats)))
    if again:
        terminalreporter.section("failed in a stall of the machine, and were run again")
        for line in again:
            terminalreporter.write_line(line)


def _run_again(stats: dict[str, list[Any]]) -> Iterator[str]:
    for reports in stats.values():
        for report in reports:
            for name, said in getattr(report, "user_properties", ()):
                if name == _STALLED:
                    yield said


def be_patient_with_workflows() -> None:
    """Let the Temporal workers of this process wait before they call a workflow deadlocked."""
    make = _workflow._WorkflowWorker.__init__

    def patient(self: Any, **given: Any) -> None:
        make(self, **given)
        self._deadlock_timeout_seconds = _DEADLOCK

    _workflow._WorkflowWorker.__init__ = patient  # type: ignore[method-assign]


def pytest_configure() -> None:
    """Be patient with those of the tests themselves; services are told in `tests.e2e.warm`."""
    be_patient_with_workflows()
