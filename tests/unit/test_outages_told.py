"""An outage of the database is one sentence in the worker's log and none of SQL in Temporal."""

import logging
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor

from activities.outages import Outages

AWAY = OperationalError("SELECT 1 -- somebody@kund.example", {}, Exception("is gone"))


class Scripted(ActivityInboundInterceptor):
    """Activities that end as told."""

    def __init__(self, *ends: Exception | str) -> None:
        self._ends = iter(ends)

    async def execute_activity(self, input: Any) -> Any:  # noqa: A002, ARG002  the SDK's name
        end = next(self._ends)
        if isinstance(end, Exception):
            raise end
        return end


async def test_an_outage_is_told_once_at_its_beginning_and_once_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    inner = Outages().intercept_activity(Scripted(AWAY, AWAY, AWAY, "sent", "sent"))
    for _ in range(3):
        with pytest.raises(ApplicationError) as raised:
            await inner.execute_activity(None)  # type: ignore[arg-type]
        assert raised.value.category is ApplicationErrorCategory.BENIGN  # the SDK logs no traceback
        assert not raised.value.non_retryable
        assert (raised.value.__cause__, raised.value.__context__) == (None, None)
        assert "SELECT" not in str(raised.value)
    assert [await inner.execute_activity(None) for _ in range(2)] == ["sent"] * 2  # type: ignore[arg-type]

    said = [getattr(record, "action", "") for record in caplog.records]
    assert said == ["dependency_unreachable", "dependency_back"]
    assert "kund.example" not in caplog.text


async def test_what_is_no_outage_is_raised_as_it_is() -> None:
    inner = Outages().intercept_activity(Scripted(ValueError("a bug")))

    with pytest.raises(ValueError, match="a bug"):
        await inner.execute_activity(None)  # type: ignore[arg-type]
