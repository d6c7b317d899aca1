"""The relay's process: its parts put together, run until it is told to stop."""

import asyncio

from sekvens.clock import SystemClock
from sekvens.db.migrate import upgrade
from sekvens.db.session import Database
from sekvens.engagement.settling import Settler
from sekvens.enrollments.temporal import ClientStarter
from sekvens.events.relay import Relay
from sekvens.notices.posting import Courier
from sekvens.plugin import connect
from sekvens.products.telling import ChangeTeller
from sekvens.prometheus.asked import tell_of
from sekvens.service import Service, until_ready
from sekvens.settings import load_settings


async def serve(service: Service) -> None:
    """Relay events until the service is told to stop; wait for Temporal as long as it takes."""
    settings = load_settings()
    shop_time = settings.shop_time()
    database = Database(settings.database.url)
    tell_of(database, SystemClock())
    try:
        await until_ready("the database", lambda: asyncio.to_thread(upgrade, database))
        courier = Courier(database=database, clock=SystemClock(), webhooks=settings.webhooks)
        await asyncio.to_thread(courier.set_up)
        # It needs no Temporal, so it does not wait for it.
        courier_at_work = asyncio.create_task(courier.run(service.stop))
        try:
            client = await until_ready("Temporal", connect)
            service.ready("the relay carries events to Temporal")
            relay = Relay(
                database,
                ClientStarter(client),
                clock=SystemClock(),
                shop_time=shop_time,
                attempt_seconds=settings.sending.attempt_seconds,
            )
            loop = asyncio.get_running_loop()

            def wake() -> None:
                loop.call_soon_threadsafe(relay.wake)

            clicks = Settler(database=database, clock=SystemClock(), shop_time=shop_time, wake=wake)
            news = ChangeTeller(
                database=database,
                clock=SystemClock(),
                shop_time=shop_time,
                news=settings.products,
                wake=wake,
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(relay.run(service.stop))
                tasks.create_task(clicks.run(service.stop))
                tasks.create_task(news.run(service.stop))
            await courier_at_work
        finally:
            courier_at_work.cancel()
    finally:
        database.close()
