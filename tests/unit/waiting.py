"""Waiting in tests: the machine may stall for seconds, and no test is about that."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sekvens.db.session import Database

#: Seconds for whatever takes a moment: long enough, and never waited for in vain.
PATIENCE = 60.0
#: Seconds in which whoever waits for nobody has long been done.
DAWDLING = 0.4


@contextmanager
def a_message_leaving(database: Database, contact_id: str) -> Iterator[list[str]]:
    """Hold a contact's lock for a while, as a sender does while SES answers.

    Yields:
        What is empty until the message has left.
    """
    taken, left = threading.Event(), list[str]()

    def send() -> None:
        with database.locks.hold(contact_id, timeout=timedelta(seconds=PATIENCE)):
            taken.set()
            threading.Event().wait(DAWDLING)
            left.append(contact_id)

    sender = threading.Thread(target=send)
    sender.start()
    assert taken.wait(PATIENCE)
    try:
        yield left
    finally:
        sender.join()
