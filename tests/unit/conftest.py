"""What every unit test shares: patience."""

from datetime import timedelta

import pytest

from sekvens.events import barrier
from sekvens.messages import send
from sekvens.web import adapters
from tests.unit.waiting import PATIENCE


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up later than in production; a test of giving up sets its own time."""
    monkeypatch.setattr(barrier, "TIMEOUT", timedelta(seconds=PATIENCE))
    monkeypatch.setattr(send, "LOCK_TIMEOUT", timedelta(seconds=PATIENCE))
    monkeypatch.setattr(send, "DISPATCH_DEADLINE", timedelta(seconds=PATIENCE))
    monkeypatch.setattr(adapters, "REPLY_SECONDS", PATIENCE)
