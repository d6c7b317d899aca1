"""Every table, in one import, for migrations and for creating a schema."""

from sekvens.audiences import tables as audiences
from sekvens.contacts import requests
from sekvens.contacts import tables as contacts
from sekvens.db.base import Base
from sekvens.engagement import tables as engagement
from sekvens.enrollments import tables as enrollments
from sekvens.events import tables as events
from sekvens.feedback import tables as feedback
from sekvens.imports import tables as imports
from sekvens.messages import tables as messages
from sekvens.metrics import tables as metrics
from sekvens.notices import tables as notices
from sekvens.offers import tables as offers
from sekvens.products import tables as products
from sekvens.quota import tables as quota
from sekvens.reviews import tables as reviews
from sekvens.segments import tables as segments
from sekvens.send_time import tables as send_time
from sekvens.staff import tables as staff
from sekvens.switches import tables as switches

__all__ = [
    "audiences",
    "contacts",
    "engagement",
    "enrollments",
    "events",
    "feedback",
    "imports",
    "messages",
    "metadata",
    "metrics",
    "notices",
    "offers",
    "products",
    "quota",
    "requests",
    "reviews",
    "segments",
    "send_time",
    "staff",
    "switches",
]

metadata = Base.metadata
