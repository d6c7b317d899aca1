"""What the sandbox imports anew for each run of each enrollment: as little as there is."""

import subprocess
import sys

from sekvens.demo.processes import ROOT


def test_a_run_of_an_enrollment_imports_no_other_workflow():
    ask = "import sys, workflows.enrollment; print(*(n for n in sys.modules if 'workflows.' in n))"
    told = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, check=True)

    found = {name for name in told.stdout.decode().split() if name.startswith("workflows.")}
    assert found == {"workflows.enrollment", "workflows.orders"}


def test_a_worker_has_imported_what_its_first_tasks_need_before_they_begin():
    ask = (
        "import sys, worker\n"
        "before = set(sys.modules)\n"
        "from pydantic import TypeAdapter\n"
        "from sekvens.enrollments.wire import EnrollmentInput, SendResult\n"
        "TypeAdapter(EnrollmentInput), TypeAdapter(SendResult)\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    told = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, check=True)

    late = set(told.stdout.decode().split())
    assert not {name for name in late if "dataclasses" in name}, late
