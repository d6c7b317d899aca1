"""Carrying an action out: the question before it, the log around it.

A form that is posted twice acts twice only if there is still something to do: the action looks
again before it acts. What fails says so to whoever acted, in a sentence, and in the log.
"""

import logging
from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError

from sekvens.errors import SekvensError
from sekvens.staff import audit
from sekvens.web.dashboard.action import Action, Prospect, Refused
from sekvens.web.dashboard.addresses import is_ours
from sekvens.web.dashboard.asked import Asked, House

_log = logging.getLogger(__name__)


class Acting:
    """One action, asked for by somebody who may."""

    def __init__(self, house: House, action: Action, asked: Asked) -> None:
        self._house, self._action, self._asked = house, action, asked
        self._on = {name: asked.query.get(name, "") for name in action.on}

    def question(self) -> Mapping[str, object]:
        """Tell the values of the page that asks."""
        seen = self._look()
        key = self._action.name.replace("-", "_")
        return {
            "title": self._asked.t(f"ask_{key}"),
            "button": self._asked.t(f"do_{key}"),
            "seen": seen,
            "refused": isinstance(seen, Refused),
            "action": self._action,
            "on": self._on,
            "back": self._back(),
        }

    def act(self) -> tuple[int | None, str]:
        """Do it; tells the entry of the log and where to go on. No entry: it was refused."""
        seen = self._look()
        if isinstance(seen, Refused):
            return None, self._back()
        entry_id = self._begin(seen)
        result, failed = self._done()
        with self._house.database.write() as session:
            audit.end(session, entry_id, result=result, failed=failed, now=self._house.clock.now())
        return entry_id, self._back()

    def _look(self) -> Prospect | Refused:
        with self._house.database.read() as session:
            return self._action.look(self._house, session, self._asked)

    def _begin(self, seen: Prospect) -> int:
        with self._house.database.write() as session:
            return audit.begin(
                session,
                by=self._asked.who.name,
                action=self._action.name,
                on=self._on,
                says=seen.says,
                now=self._asked.now,
            )

    def _done(self) -> tuple[str, bool]:
        try:
            return self._action.do(self._house, self._asked), False
        except (SekvensError, SQLAlchemyError) as error:
            said = str(error) if isinstance(error, SekvensError) else self._asked.t.no_database
            _log.warning(
                "an action of the dashboard failed: %s",
                type(error).__name__,
                extra={"action": "staff_action_failed", "staff_action": self._action.name},
            )
            return said, True

    def _back(self) -> str:
        back = self._asked.query.get("back", "")
        return back if is_ours(back) else "/staff"
