"""Expiry: what nobody needs any more goes after the time that `[privacy]` gives it.

In small transactions, each with its mark, so that a crash costs one of them at the most. What the
flows in use still look back to is never dropped, whatever the settings say.
"""

import logging
import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from sekvens.audiences.look_back import flows_in_use, kept_keys, too_short
from sekvens.audiences.rules import RULES, Call, Done, Rule
from sekvens.audiences.tables import Expiry
from sekvens.audiences.wire import ExpireBatchResult
from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.sections import PrivacySettings

logger = logging.getLogger(__name__)

#: A batch ends after the transaction in which this time is over.
BATCH_MAX: Final = timedelta(seconds=10)
_ORDER: Final = tuple(rule.name for rule in RULES)


class Expirer:
    """Works off the rules, in pieces; one worker at a time does."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        privacy: PrivacySettings,
        batch_max: timedelta = BATCH_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._privacy = privacy
        self._batch_max = batch_max

    def batch(self, cursor: str | None, beat: Callable[[], None]) -> ExpireBatchResult:
        """Go on at a rule for a while: through this one, or through several."""
        deadline = time.monotonic() + self._batch_max.total_seconds()
        keys, refused = self._look_back()
        counts: dict[str, int] = {}
        left = [rule for rule in RULES if cursor is None or _at(rule.name) >= _at(cursor)]
        while left:
            rule = left[0]
            done = None if rule.name in refused else self._deal(rule, keys)
            beat()
            if done is not None and done.rows:
                counts[rule.name] = counts.get(rule.name, 0) + done.rows
            if done is None or done.is_all:
                left.pop(0)
            if left and time.monotonic() >= deadline:
                return ExpireBatchResult(cursor=left[0].name, counts=counts)
        return ExpireBatchResult(cursor=None, counts=counts)

    def _look_back(self) -> tuple[Collection[str], Collection[str]]:
        """Tell what flows tell events apart by, and the rules that would drop what they need."""
        with self._database.read() as session:
            flows = flows_in_use(session)
        refused = too_short(self._privacy, flows)
        if refused is None:
            return kept_keys(flows), ()
        logger.error("%s", refused, extra={"action": "expiry_refused"})
        return kept_keys(flows), [
            rule.name for rule in RULES if rule.setting == "event_properties_days"
        ]

    def _deal(self, rule: Rule, keys: Collection[str]) -> Done | None:
        """Deal with a few rows; None: nothing goes by this rule now."""
        days = getattr(self._privacy, rule.setting)
        if not days:
            return None
        now = self._clock.now()
        with self._database.write() as session:
            mark = session.get(Expiry, rule.name)
            call = Call(
                before=now - timedelta(days=days),
                mark=mark.through_id if mark else 0,
                keys=keys,
            )
            done = rule.deal(session, call)
            _keep_mark(session, rule, mark, done, now=now)
        return done


def _at(name: str) -> int:
    # A rule that a later version has dropped: begin anew, which repeats nothing that counts.
    return _ORDER.index(name) if name in _ORDER else 0


def _keep_mark(
    session: Session, rule: Rule, mark: Expiry | None, done: Done, *, now: datetime
) -> None:
    if mark is None:
        mark = Expiry(rule=rule.name, through_id=0, at=now)
        session.add(mark)
    mark.through_id, mark.at = done.mark, now
