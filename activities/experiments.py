"""The activity of scheduled looks at experiments."""

from temporalio import activity

from sekvens.experiments import names
from sekvens.experiments.looking import Looker
from sekvens.experiments.wire import LooksInput, LooksResult


class ExperimentActivities:
    """Looks, in threads; a repeat takes no look twice."""

    def __init__(self, looker: Looker) -> None:
        self._looker = looker

    @activity.defn(name=names.LOOKS_ACTIVITY, no_thread_cancel_exception=True)
    def look_at_experiments(self, _order: LooksInput) -> LooksResult:
        """Take the looks that are due."""
        return self._looker.look()
