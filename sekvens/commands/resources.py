"""What commands work with, made from the settings: the database, and the people in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from sekvens.clock import Clock
    from sekvens.contacts.tables import Contact
    from sekvens.db.session import Database


class UnknownContact(SekvensError):
    """Nobody is known by this name."""


@contextmanager
def open_database() -> "Iterator[Database]":
    """Open the database that the settings name."""
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
        UnknownContact: nobody, or more than one, goes by it.
    """
    from sqlalchemy import select

    from sekvens.contacts.tables import Contact, Identity

    by_identity = select(Identity.contact_id).where(Identity.value == name)
    found = session.get(Contact, name)
    candidates = (
        [found]
        if found
        else session.scalars(
            select(Contact).where((Contact.id.in_(by_identity)) | (Contact.email == name.lower()))
        ).all()
    )
    present = {_canonical(session, contact).id for contact in candidates}
    if len(present) != 1:
        raise UnknownContact(
            f"{len(present) or 'no'} contacts are known as {name!r}. Give our id (c-…), the shop's "
            "user id or the address; the dashboard and the API's events show them."
        )
    return session.get_one(Contact, present.pop())


def publish_flows(database: "Database", clock: "Clock") -> list[str]:
    """Publish the catalogue's flows, and make them live; tell which, as `name vN`."""
    from sekvens.enrollments import publish
    from sekvens.flows.catalogue import CATALOGUE
    from sekvens.messages import templates

    with database.write() as session:
        publish.publish_catalogue(
            session, CATALOGUE, now=clock.now(), store_templates=templates.store
        )
    return [f"{flow.name} v{flow.version}" for flow in CATALOGUE]


def _canonical(session: "Session", contact: "Contact") -> "Contact":
    from sekvens.contacts.tables import Contact

    while contact.merged_into is not None:
        contact = session.get_one(Contact, contact.merged_into)
    return contact
