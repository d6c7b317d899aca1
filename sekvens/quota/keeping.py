"""Keeping to what SES allows, beside the work: ask now and then, and limit the queue by it.

Every worker does it, and takes turns with the others. It ends with the worker; nothing that goes
wrong here ends it, or the worker.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from sekvens.errors import NotSent
from sekvens.quota.asking import QuotaDesk
from sekvens.quota.queue_limit import QueueLimit

logger = logging.getLogger(__name__)

#: How often a worker looks whether it is its turn, in seconds.
LOOK_SECONDS = 5.0


@asynccontextmanager
async def keeping_to_quota(desk: QuotaDesk, limit: QueueLimit) -> AsyncIterator[None]:
    """Follow SES's rate and quota for the length of a block."""
    task = asyncio.create_task(_keep(desk, limit))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep(desk: QuotaDesk, limit: QueueLimit) -> None:
    limited = False
    while True:
        try:
            # What has been missed (Temporal was away) is made up for at the next look.
            if await asyncio.to_thread(desk.ask) or not limited:
                limited = False
                await limit.keep(await asyncio.to_thread(desk.queue_rate))
                limited = True
        except (NotSent, SQLAlchemyError, RPCError, RuntimeError):
            pass  # it is said elsewhere that SES, the database or Temporal is away
        except Exception as error:  # noqa: BLE001  a bug here must not end it for good
            logger.error(  # noqa: TRY400  a sentence, as everywhere
                "a fault in following SES's quota: %s",
                type(error).__name__,
                extra={"action": "quota_failed"},
            )
        await asyncio.sleep(LOOK_SECONDS)
