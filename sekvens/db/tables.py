"""Every table, in one import, for migrations and for creating a schema."""

from sekvens.approvals import tables as approvals
from sekvens.audiences import tables as audiences
from sekvens.contacts import requests
from sekvens.contacts import tables as contacts
from sekvens.db.base import Base
from sekvens.edits import tables as edits
from sekvens.engagement import tables as engagement
from sekvens.enrollments import tables as enrollments
from sekvens.events import tables as events
from sekvens.experiments import tables as experiments
from sekvens.feedback import tables as feedback
from sekvens.imports import tables as imports
from sekvens.messages import tables as messages
from sekvens.metrics import tables as metrics
from sekvens.modes import tables as modes
from sekvens.next_best import tables as next_best
from sekvens.notices import tables as notices
from sekvens.offers import tables as offers
from sekvens.predictions import tables as predictions
from sekvens.products import tables as products
from sekvens.quota import tables as quota
from sekvens.reviews import tables as reviews
from sekvens.segments import tables as segments
from sekvens.send_time import tables as send_time
from sekvens.staff import tables as staff
from sekvens.switches import tables as switches

__all__ = [
    "approvals",
    "audiences",
    "contacts",
    "edits",
    "engagement",
    "enrollments",
    "events",
    "experiments",
    "feedback",
    "imports",
    "messages",
    "metadata",
    "metrics",
    "modes",
    "next_best",
    "notices",
    "offers",
    "predictions",
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
