"""The app on a port of this machine: for a browser, or a process of its own."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from sqlalchemy import select

from sekvens.clock import Clock, SystemClock
from sekvens.db.session import Database
from sekvens.feedback.tables import Feedback
from sekvens.web.app import create_app
from tests.unit.serving import settings


class Served:
    """Where the app is, and what it has taken in."""

    def __init__(self, database: Database, url: str) -> None:
        self.url = url
        self._database = database

    def feedback(self) -> list[str]:
        """List the types of the reports that it has."""
        with self._database.read() as session:
            return list(session.scalars(select(Feedback.type)))


@contextmanager
def serving(database: Database, clock: Clock | None = None, **changes: str) -> Iterator[Served]:
    """Serve the app for the length of a block; it knows its own address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        own = {"SEKVENS_API__PUBLIC_URL": url}
        app = create_app(settings(**(own | changes)), database, clock or SystemClock())
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield Served(database, url)
        finally:
            server.should_exit = True
            thread.join()
