"""Every table with something of a contact is exported and erased, column by column, or says why."""

from typing import Any

import pytest

from sekvens.contacts.holdings import HOLDINGS, NOT_HELD, Chosen, Deleted, Holding
from sekvens.db.tables import metadata

NAMES = {holding.name for holding in HOLDINGS}
STAYING = [holding for holding in HOLDINGS if not isinstance(holding.erasure, Deleted)]
REMEDY = "name it in sekvens/contacts/holdings.py: in HOLDINGS, or in NOT_HELD with the reason"


def unnamed(tables: Any) -> set[str]:
    """List the tables of which nobody has said whether they hold something of a contact."""
    return {table.name for table in tables} - NAMES - NOT_HELD.keys()


def leads_to_a_contact(name: str) -> set[str]:
    """List the tables of contacts that a table's rows refer to."""
    keys = metadata.tables[name].foreign_keys
    return {key.column.table.name for key in keys} & NAMES


def unsaid(holding: Holding, columns: set[str]) -> set[str]:
    """List the columns of which nobody has said whether an erasure leaves them."""
    match holding.erasure:
        case Chosen() as chosen:
            said = set(chosen.columns.split())
        case Deleted():
            return set()
        case stays:
            said = {*stays.keeps.split(), *stays.empties, *stays.hashes}
    return said ^ columns


def test_of_every_table_is_said_whether_it_holds_something_of_a_contact():
    assert unnamed(metadata.sorted_tables) == set(), REMEDY
    assert NAMES.isdisjoint(NOT_HELD)
    assert NAMES | NOT_HELD.keys() == set(metadata.tables)


def test_a_table_that_nobody_named_is_noticed():
    class Forgotten:
        name = "diaries"

    assert unnamed([*metadata.sorted_tables, Forgotten()]) == {"diaries"}


@pytest.mark.parametrize("name", sorted(NOT_HELD))
def test_what_is_said_to_hold_nothing_leads_to_no_contact(name: str):
    assert leads_to_a_contact(name) == set(), REMEDY
    assert "contact_id" not in metadata.tables[name].columns
    assert len(NOT_HELD[name].split()) > 2


@pytest.mark.parametrize("holding", STAYING, ids=lambda holding: holding.name)
def test_of_every_column_that_stays_is_said_what_becomes_of_it(holding: Holding):
    columns = set(metadata.tables[holding.name].columns.keys())

    assert unsaid(holding, columns) == set(), REMEDY
    assert unsaid(holding, columns | {"diary"}) == {"diary"}
