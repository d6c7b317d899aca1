"""The courier: posts notices to their hooks, a contact's in order, for as long as it takes.

What a hook does not take is tried again, ever later and for ever; a hook that takes nothing is
called for one notice at a time until it answers, and no other hook and nobody else waits for it.
Wherever the courier dies, a notice is posted again under the same id.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress as ignored
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tables import Contact, Identity, IdentityKind
from sekvens.db.session import Database
from sekvens.events.rounds import repeat
from sekvens.notices.tables import ConsentHook, Notice, NoticeKind
from sekvens.sections import WebhookSettings
from sekvens.webhooks.post import Forbidden, Unreachable, post
from sekvens.webhooks.signature import signed_headers

logger = logging.getLogger(__name__)

#: Notices on their way to one hook at once, each of another contact …
IN_FLIGHT_MAX: Final = 8
#: … out of so many that are taken together.
BATCH: Final = 32
#: Notices looked at to find those: more than this many that are not due hide what is behind them.
WINDOW: Final = 1000
#: Longer than connecting and answering may take for all of a batch.
LEASE: Final = timedelta(minutes=2)
#: The pause is a quarter of the time for which it has failed, within these bounds.
PAUSE_MIN: Final = timedelta(seconds=30)
PAUSE_MAX: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What became of one notice; no problem: it was taken."""

    notice_id: int
    problem: str | None = None


class Courier:
    """Posts what the hooks are still to be told."""

    def __init__(
        self, *, database: Database, clock: Clock, webhooks: Mapping[str, WebhookSettings]
    ) -> None:
        self._database = database
        self._clock = clock
        self._hooks = {name: hook for name, hook in webhooks.items() if hook.consent}
        self._in_flight = {name: asyncio.Semaphore(IN_FLIGHT_MAX) for name in self._hooks}

    def set_up(self) -> None:
        """Take over which hooks the settings have: a new one is told of changes from now on.

        One that has left the settings is forgotten with what it was still to be told.
        """
        now = self._clock.now()
        # A relay that starts at the same moment does the same.
        with ignored(IntegrityError), self._database.write() as session:
            known = set(session.scalars(select(ConsentHook.name)))
            gone = known - self._hooks.keys()
            session.execute(delete(Notice).where(Notice.hook.in_(gone)))
            session.execute(delete(ConsentHook).where(ConsentHook.name.in_(gone)))
            for name in sorted(self._hooks.keys() - known):
                session.add(ConsentHook(name=name, since=now))

    async def run(self, stop: asyncio.Event) -> None:
        """Post until `stop` is set; what is in flight then is finished first."""
        async with asyncio.TaskGroup() as tasks:
            for name in self._hooks:
                tasks.create_task(repeat(partial(self.post_once, name), stop))

    async def post_once(self, name: str) -> int:
        """Post one batch to a hook; tell how many it took."""
        notices = await asyncio.to_thread(self._lease, name)
        if not notices:
            return 0
        async with asyncio.TaskGroup() as tasks:
            posting = [tasks.create_task(self._post_in_turn(name, notice)) for notice in notices]
        results = [task.result() for task in posting]
        await asyncio.to_thread(self._settle, name, results)
        return sum(result.problem is None for result in results)

    def _lease(self, name: str) -> list[Notice]:
        now = self._clock.now()
        with self._database.read() as session:
            if not _due(session, name, now):
                return []
        with self._database.write() as session:
            free = or_(ConsentHook.leased_until.is_(None), ConsentHook.leased_until <= now)
            taken = session.execute(
                update(ConsentHook)
                .where(ConsentHook.name == name, free)
                .values(leased_until=now + LEASE)
                .returning(ConsentHook.name)
            ).all()
            return _due(session, name, now) if taken else []

    async def _post_in_turn(self, name: str, notice: Notice) -> Posted:
        async with self._in_flight[name]:
            return await asyncio.to_thread(self._post, name, notice)

    def _post(self, name: str, notice: Notice) -> Posted:
        hook = self._hooks[name]
        if _is_echo(notice.source, hook.ignores):
            return Posted(notice_id=notice.id)
        body = self._body(notice, with_address=hook.address)
        headers = {"content-type": "application/json", "user-agent": "sekvens"}
        headers |= signed_headers(
            hook.secret, webhook_id=notice.webhook_id, at=self._clock.now(), body=body
        )
        try:
            status = post(hook.url, headers=headers, body=body, allow_private=hook.allow_private)
        except (Forbidden, Unreachable) as error:
            return Posted(notice_id=notice.id, problem=str(error))
        if 200 <= status < 300:
            return Posted(notice_id=notice.id)
        return Posted(notice_id=notice.id, problem=f"it answered {status}")

    def _body(self, notice: Notice, *, with_address: bool) -> bytes:
        with self._database.read() as session:
            contact_id = canonical_id(session, notice.contact_id)
            names = select(Identity.value).where(
                Identity.contact_id == contact_id, Identity.kind == IdentityKind.USER_ID
            )
            user_ids = sorted(session.scalars(names))
            contact = session.get(Contact, contact_id)
        data: dict[str, Any] = {"contact_id": contact_id, "user_ids": user_ids}
        if notice.kind == NoticeKind.CONSENT:
            data["purpose"] = notice.purpose
        else:
            data["reason"] = notice.reason
        data |= {
            "status": notice.status,
            "changed_at": notice.at.isoformat(),
            "source": notice.source,
        }
        if with_address:
            data["email"] = contact.email if contact is not None else None
        kind = f"{notice.kind}.changed"
        content = {"type": kind, "timestamp": notice.at.isoformat(), "data": data}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()

    def _settle(self, name: str, results: Sequence[Posted]) -> None:
        now = self._clock.now()
        taken = [result.notice_id for result in results if result.problem is None]
        failed = {result.notice_id: result.problem for result in results if result.problem}
        with self._database.write() as session:
            session.execute(delete(Notice).where(Notice.id.in_(taken)))
            for notice in session.scalars(select(Notice).where(Notice.id.in_(failed))):
                notice.attempts += 1
                notice.due_at = now + min(PAUSE_MIN * 2 ** min(notice.attempts - 1, 20), PAUSE_MAX)
            hook = session.get(ConsentHook, name)
            if hook is None:
                return
            hook.leased_until = None
            hook.problem = next(iter(failed.values()), None)
            if taken:
                hook.told_at, hook.failing_since, hook.due_at = now, None, None
            else:
                self._fail(hook, now)

    def _fail(self, hook: ConsentHook, now: datetime) -> None:
        """Leave a hook that took nothing in peace for a while."""
        if hook.failing_since is None:
            hook.failing_since = now
            logger.warning(
                "the webhook %s takes no changes of consent (%s): they are kept, and tried again",
                hook.name,
                hook.problem,
                extra={"action": "consent_hook_failing", "webhook": hook.name},
            )
        hook.due_at = now + min(max((now - hook.failing_since) / 4, PAUSE_MIN), PAUSE_MAX)


def _due(session: Session, name: str, now: datetime) -> list[Notice]:
    """Find what may be posted now: of each contact the oldest notice, unless it is to wait."""
    hook = session.get(ConsentHook, name, populate_existing=True)
    if hook is None or (hook.due_at is not None and hook.due_at > now):
        return []
    window = select(Notice).where(Notice.hook == name).order_by(Notice.id).limit(WINDOW)
    heads: dict[str, Notice] = {}
    for notice in session.scalars(window):
        heads.setdefault(notice.contact_id, notice)
    if hook.failing_since is not None:
        # Any of them will show whether the hook answers: another one each time, for it may be the
        # notice that it cannot take.
        return sorted(heads.values(), key=lambda one: (one.attempts, one.id))[:1]
    due = [one for one in heads.values() if one.due_at is None or one.due_at <= now]
    return due[:BATCH]


def _is_echo(source: str, ignores: Sequence[str]) -> bool:
    """Tell whether a change came from the system that would be told of it."""
    said = source.casefold()
    return any(
        said == name.casefold() or said.startswith(f"{name.casefold()}:") for name in ignores
    )
