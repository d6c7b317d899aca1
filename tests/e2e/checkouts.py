"""Copies of this checkout with another code in them, as a new version of the worker would be.

The change is a real one, of the orders that an enrollment gives: before each activity it sleeps for
a moment. Guarded by `workflow.patched` it is what a careful engineer would deploy; unguarded it is
what the gate before a deploy has to refuse. If the workflow no longer has the text that is
replaced, this fails.
"""

from collections.abc import Sequence
from pathlib import Path

from tests.sabotage.bench import copied, damage
from tests.sabotage.sabotages import Change

#: What the new code's timer is called in a history, before the activity's own summary.
MARK = "new code before "
_WORKFLOW = "workflows/enrollment.py"
_IMPORT = Change(
    file=_WORKFLOW,
    old="from datetime import datetime\n",
    new="from datetime import datetime, timedelta\n",
)
_ORDERS = "        limit = self._pinned.attempt_seconds\n"
_SLEEP = f'await workflow.sleep(timedelta(milliseconds=1), summary=f"{MARK}{{summary}}")\n'
#: Each name of a patch is for one order: who was past an earlier one takes the new code from here.
_IF_NEW = '        if workflow.patched(f"rehearsed {summary}"):\n'
GUARDED = (
    _IMPORT,
    Change(file=_WORKFLOW, old=_ORDERS, new=f"{_ORDERS}{_IF_NEW}            {_SLEEP}"),
)
UNGUARDED = (_IMPORT, Change(file=_WORKFLOW, old=_ORDERS, new=f"{_ORDERS}        {_SLEEP}"))


def checkout_with(folder: Path, change: Sequence[Change]) -> Path:
    """Copy the checkout into a new folder, with another enrollment workflow in it."""
    tree = copied(folder)
    damage(tree, change)
    return tree
