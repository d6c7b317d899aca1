"""Every table, in one import, for migrations and for creating a schema."""

from sekvens.contacts import tables as contacts
from sekvens.db.base import Base
from sekvens.enrollments import tables as enrollments
from sekvens.events import tables as events
from sekvens.messages import tables as messages

__all__ = ["contacts", "enrollments", "events", "messages", "metadata"]

metadata = Base.metadata
