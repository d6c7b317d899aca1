"""Carrying an action out: the question before it, the log around it.

A form that is posted twice acts twice only if there is still something to do: the action looks
again before it acts. What fails says so to whoever acted, in a sentence, and in the log.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from sekvens.errors import SekvensError
from sekvens.staff import audit
from sekvens.web.dashboard.action import Action, HandedOut, Prospect, Refused
from sekvens.web.dashboard.addresses import is_ours
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.reasons import Reasons

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Acted:
    """What followed when an action was carried out, whether it did what it should or failed."""

    where: str  #: the page to go on to, which tells what came of it
    document: Response | None = None  #: what is handed out instead


class Acting:
    """One action, asked for by somebody who may."""

    def __init__(self, house: House, action: Action, asked: Asked) -> None:
        self._house, self._action, self._asked = house, action, asked
        self._on = {name: asked.every(name) or [""] for name in action.on}

    def question(self) -> Mapping[str, object]:
        """Tell the values of the page that asks."""
        seen = self._look()
        return {
            "title": self._asked.t(self._action.key("ask")),
            "button": self._asked.t(self._action.key("do")),
            "seen": seen,
            "refused": isinstance(seen, Refused),
            "action": self._action,
            "on": [(name, value) for name, values in self._on.items() for value in values],
            "back": self._back(),
        }

    def act(self) -> Acted | None:
        """Do it; None: it was refused."""
        seen = self._look()
        if isinstance(seen, Refused):
            return None
        entry_id = self._begin(seen)
        done, failed = self._done()
        result = done.says if isinstance(done, HandedOut) else done
        with self._house.database.write() as session:
            audit.end(session, entry_id, result=result, failed=failed, now=self._house.clock.now())
        back = self._back()
        return Acted(
            where=f"{back}{'&' if '?' in back else '?'}done={entry_id}",
            document=done.document if isinstance(done, HandedOut) else None,
        )

    def _look(self) -> Prospect | Refused:
        with self._house.database.read() as session:
            return self._action.look(self._house, session, self._asked)

    def _begin(self, seen: Prospect) -> int:
        with self._house.database.write() as session:
            return audit.begin(
                session,
                by=self._asked.who.name,
                action=self._action.name,
                on={name: ", ".join(values) for name, values in self._on.items()},
                says=seen.says,
                now=self._asked.now,
            )

    def _done(self) -> tuple[str | HandedOut, bool]:
        try:
            return self._action.do(self._house, self._asked), False
        except (SekvensError, SQLAlchemyError) as error:
            said = self._asked.t.no_database
            if isinstance(error, SekvensError):
                said = Reasons(self._asked.language).sentence.plain(str(error))
            _log.warning(
                "an action of the dashboard failed: %s",
                type(error).__name__,
                extra={"action": "staff_action_failed", "staff_action": self._action.name},
            )
            return said, True

    def _back(self) -> str:
        back = self._asked.query.get("back", "")
        return back if is_ours(back) else "/staff"
