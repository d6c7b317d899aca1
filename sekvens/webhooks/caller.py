"""The webhook step: calls the shop's own system, tries again for a day, then asks a person.

The body holds ids and no personal data; the receiver knows the contact by the shop's own id, and a
repeat by `webhook-id`, which is the same in every try.
"""

import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tables import Identity, IdentityKind
from sekvens.db.session import Database
from sekvens.enrollments.wire import CarryOutInput
from sekvens.flows.outcomes import Deferred, Done, Outcome, Parked
from sekvens.sections import WebhookSettings
from sekvens.webhooks.post import Forbidden, Unreachable, post
from sekvens.webhooks.signature import signed_headers

logger = logging.getLogger(__name__)

#: The pause before another try is as long as the tries have gone on, within these bounds.
PAUSE_MIN: Final = timedelta(seconds=30)
PAUSE_MAX: Final = timedelta(hours=1)
#: After this long a person is asked (wall time).
TRIES_FOR: Final = timedelta(days=1)
#: Statuses of the 400s that ask for patience; any other says that the call itself is wrong.
_PATIENCE: Final = frozenset({408, 425, 429})


class WebhookCaller:
    """Calls webhooks by the names that the settings give them."""

    def __init__(
        self, *, database: Database, clock: Clock, webhooks: Mapping[str, WebhookSettings]
    ) -> None:
        self._database = database
        self._clock = clock
        self._webhooks = webhooks

    def call(self, order: CarryOutInput, name: str) -> Outcome:
        """Call a webhook, once, and tell whether it is done, tried again later, or parked."""
        settings = self._webhooks.get(name)
        if settings is None:
            problem = f"the settings have no [webhooks.{name}]: add it, then retry"
            return self._parked(order, problem)
        body = self._body(order)
        webhook_id = f"{order.enrollment_id}/{order.step['id']}"
        headers = {"content-type": "application/json", "user-agent": "sekvens"}
        headers |= signed_headers(
            settings.secret, webhook_id=webhook_id, at=self._clock.now(), body=body
        )
        try:
            status = post(
                settings.url, headers=headers, body=body, allow_private=settings.allow_private
            )
        except Forbidden as error:
            return self._parked(order, f"the webhook {name} is not called: {error}")
        except Unreachable as error:
            return self._later(order, name, str(error))
        if 200 <= status < 300:
            return Done(text=f"called {name}")
        if status >= 500 or status in _PATIENCE:
            return self._later(order, name, f"it answered {status}")
        return self._parked(order, f"the webhook {name} answered {status}, which no retry mends")

    def _later(self, order: CarryOutInput, name: str, problem: str) -> Outcome:
        tried_for = (order.now - order.due_at) / order.shop_speed
        if tried_for >= TRIES_FOR:
            return self._parked(order, f"the webhook {name} has failed for a day: {problem}")
        pause = min(max(tried_for, PAUSE_MIN), PAUSE_MAX)
        return Deferred(until=order.now + pause * order.shop_speed, reason="webhook")

    def _parked(self, order: CarryOutInput, problem: str) -> Parked:
        reason = f"{order.flow}/{order.step['id']}: {problem}"
        extra = {"action": "enrollment_parked", "enrollment_id": order.enrollment_id}
        logger.warning("%s", reason, extra=extra)
        return Parked(reason=reason, code="webhook")

    def _body(self, order: CarryOutInput) -> bytes:
        with self._database.read() as session:
            contact_id = canonical_id(session, order.contact_id)
            names = select(Identity.value).where(
                Identity.contact_id == contact_id, Identity.kind == IdentityKind.USER_ID
            )
            user_ids = sorted(session.scalars(names))
        content = {
            "type": "flow.step",
            "timestamp": order.due_at.isoformat(),
            "data": {
                "flow": order.flow,
                "step": order.step["id"],
                "enrollment_id": order.enrollment_id,
                "contact_id": contact_id,
                "user_ids": user_ids,
            },
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
