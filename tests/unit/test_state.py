"""A changed state is what `dataclasses.replace` makes of it: only quicker."""

from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from sekvens.flows.state import State, changed
from sekvens.flows.steps import ExitReason

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
STATE = State(step="hello", entered_at=NOON, seq=3, heard=("a",), exit=ExitReason.COMPLETED)


@pytest.mark.parametrize("field", [field.name for field in fields(State)])
def test_any_field_is_changed_alone(field):
    before = replace(STATE)

    after = changed(STATE, **{field: None})

    assert after == replace(STATE, **{field: None})
    assert before == STATE
    assert hash(after) == hash(replace(STATE, **{field: None}))
