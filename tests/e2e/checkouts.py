"""Copies of this checkout with another code in them, as a new version of the worker would be.

The change is a real one, of the orders that an enrollment gives: before each activity it sleeps for
a moment. Guarded by `workflow.patched` it is what a careful engineer would deploy; unguarded it is
what the gate before a deploy has to refuse. A checkout that has moved on fails here, loudly.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from sekvens.demo.processes import ROOT

PARTS = ("activities", "sekvens", "workflows", "starter.py", "worker.py")
#: What the new code's timer is called in a history, before the activity's own summary.
MARK = "new code before "
_WORKFLOW = "workflows/enrollment.py"
_IMPORT = ("from datetime import datetime\n", "from datetime import datetime, timedelta\n")
_ORDERS = "        limit = self._pinned.attempt_seconds\n"
_SLEEP = f'await workflow.sleep(timedelta(milliseconds=1), summary=f"{MARK}{{summary}}")'
#: Each name of a patch is for one order: who was past an earlier one takes the new code from here.
GUARDED = (
    _IMPORT,
    (
        _ORDERS,
        f'{_ORDERS}        if workflow.patched(f"rehearsed {{summary}}"):\n            {_SLEEP}\n',
    ),
)
UNGUARDED = (_IMPORT, (_ORDERS, f"{_ORDERS}        {_SLEEP}\n"))


def checkout_with(folder: Path, change: Sequence[tuple[str, str]]) -> Path:
    """Copy what runs into a new folder, with another enrollment workflow in it."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, folder / part)
    path = folder / _WORKFLOW
    path.write_text(changed(path.read_text(encoding="utf-8"), change), encoding="utf-8")
    return folder


def changed(source: str, change: Sequence[tuple[str, str]]) -> str:
    """Replace what must stand there exactly once."""
    for before, after in change:
        count = source.count(before)
        assert count == 1, f"{_WORKFLOW} has {before!r} {count} times: adapt the rehearsal's change"
        source = source.replace(before, after)
    return source
