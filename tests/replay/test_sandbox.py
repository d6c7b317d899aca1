"""What the sandbox imports anew for each run of each enrollment: as little as there is."""

import subprocess
import sys

from sekvens.demo.processes import ROOT


def test_a_run_of_an_enrollment_imports_no_other_workflow():
    ask = "import sys, workflows.enrollment; print(*(n for n in sys.modules if 'workflows.' in n))"
    told = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, check=True)

    found = {name for name in told.stdout.decode().split() if name.startswith("workflows.")}
    assert found == {"workflows.enrollment", "workflows.orders"}
