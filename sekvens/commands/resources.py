"""What commands work with, made from the settings: the database, and the people in it."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from sekvens.clock import Clock
    from sekvens.contacts.tables import Contact
    from sekvens.db.session import Database
    from sekvens.enrollments.publish import Change
    from sekvens.flows.definition import Flow


class UnknownContact(SekvensError):
    """Nobody is known by this name."""


class AmbiguousContact(SekvensError):
    """Several contacts are known by this name."""


@contextmanager
def open_database() -> "Iterator[Database]":
    """Open the database that the settings name."""
    # A command imports the tables that it names; theirs refer to others, which must be known too.
    from sekvens.db import tables  # noqa: F401
    from sekvens.db.session import Database
    from sekvens.settings import load_settings

    database = Database(load_settings().database.url)
    try:
        yield database
    finally:
        database.close()


def find_contact(session: "Session", name: str) -> "Contact":
    """Find a contact by our id, by the shop's own user id, or by address.

    Raises:
        UnknownContact: nobody goes by it.
    """
    from sekvens.enrollments import queries

    found = queries.find_contact(session, name)
    if found is None:
        raise UnknownContact(
            f"no contact is known as {name!r}: give our id (c-…), the shop's user id or the address"
        )
    return found


def check_published(session: "Session", flow: str | None) -> None:
    """See that a flow is published, if one is named.

    Raises:
        UnknownFlow: it is not.
    """
    from sekvens.enrollments.queries import published_flows
    from sekvens.errors import UnknownFlow

    published = published_flows(session)
    if flow is not None and flow not in published:
        raise UnknownFlow(
            f"no flow {flow!r} is published; there are {', '.join(published) or 'none'}"
        )


def find_people(session: "Session", name: str) -> "Sequence[str]":
    """List the contacts who go by a name: our id, the shop's own id, or an address.

    Raises:
        UnknownContact: nobody goes by it.
    """
    from sekvens.contacts.person import people_called

    found = people_called(session, name)
    if not found:
        raise UnknownContact(
            f"no contact is known as {name!r}: give our id (c-…), the shop's own id or the address"
        )
    return found


def only_one(contact_ids: "Sequence[str]", *, remedy: str) -> str:
    """Tell which contact is meant.

    Raises:
        AmbiguousContact: it may be one of several.
    """
    if len(contact_ids) > 1:
        raise AmbiguousContact(
            f"{len(contact_ids)} contacts go by that name, {', '.join(contact_ids)}: {remedy}"
        )
    return contact_ids[0]


def login_name() -> str:
    """Tell who gives a command, as their machine knows them."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "somebody"


def publish_flows(
    database: "Database",
    clock: "Clock",
    *,
    off: "Collection[str]" = (),
    flows: "Sequence[Flow] | None" = None,
    change: "Change | None" = None,
) -> dict[str, bool]:
    """Publish flows, the catalogue's by default; tell each, as `name vN`, and if it may be entered.

    `change` is written down with the versions that are new.
    """
    from sekvens.edits.merging import merge
    from sekvens.enrollments import publish
    from sekvens.flows.catalogue import CATALOGUE
    from sekvens.messages import templates

    flows = CATALOGUE if flows is None else flows
    with database.write() as session:
        publish.publish_catalogue(
            session,
            flows,
            now=clock.now(),
            store_templates=templates.store,
            merge_edits=merge,
            off=off,
            change=change,
        )
    return {f"{flow.name} v{flow.version}": flow.name not in off for flow in flows}
