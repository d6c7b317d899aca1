"""Ids from outside reach Temporal only as plain ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.enrollments import names


@pytest.mark.parametrize("given_id", ["cart_7", "node-next-17a-9f", "A" * 64])
def test_a_short_and_plain_id_stays_as_it_is(given_id: str):
    assert names.plain(given_id) == given_id


@given(st.text())
def test_whatever_is_not_plain_is_hashed_and_always_to_the_same(given_id: str):
    made = names.plain(f"{given_id}@example.com")

    assert "@" not in made
    assert made == names.plain(f"{given_id}@example.com")
    assert made != names.plain(f"{given_id}@example.org")
