"""What the dashboard consists of: its sections in the order of the navigation, pages, actions."""

from typing import Final

from sekvens.web.dashboard.action import Action
from sekvens.web.dashboard.board import BOARD
from sekvens.web.dashboard.contact import CONTACT
from sekvens.web.dashboard.contacts import CONTACTS
from sekvens.web.dashboard.deciding import DECIDING
from sekvens.web.dashboard.deliverability import DELIVERABILITY
from sekvens.web.dashboard.email_actions import EMAIL_ACTIONS
from sekvens.web.dashboard.email_edit import EMAIL_EDIT
from sekvens.web.dashboard.email_history import EMAIL_HISTORY
from sekvens.web.dashboard.emails import EMAIL, EMAIL_HTML, EMAILS
from sekvens.web.dashboard.experiments import ADOPT, EXPERIMENT, EXPERIMENTS
from sekvens.web.dashboard.flow import FLOW
from sekvens.web.dashboard.flows import FLOWS
from sekvens.web.dashboard.forgetting import FORGETTING
from sekvens.web.dashboard.holding import HOLDING
from sekvens.web.dashboard.log import LOG
from sekvens.web.dashboard.offers import OFFERS
from sekvens.web.dashboard.operations import OPERATIONS, PARKED
from sekvens.web.dashboard.overview import OVERVIEW
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.privacy import CERTIFICATE, PRIVACY
from sekvens.web.dashboard.retrying import RETRY
from sekvens.web.dashboard.reviews import MODERATING, REVIEWS
from sekvens.web.dashboard.segments import SEGMENT, SEGMENT_LIST

PAGES: Final[tuple[Page, ...]] = (
    OVERVIEW,
    FLOWS,
    FLOW,
    CONTACTS,
    CONTACT,
    EMAILS,
    EMAIL,
    EMAIL_HTML,
    EMAIL_EDIT,
    EMAIL_HISTORY,
    EXPERIMENTS,
    EXPERIMENT,
    SEGMENT_LIST,
    SEGMENT,
    OFFERS,
    REVIEWS,
    DELIVERABILITY,
    OPERATIONS,
    PARKED,
    BOARD,
    PRIVACY,
    CERTIFICATE,
    LOG,
)
ACTIONS: Final[tuple[Action, ...]] = (
    *EMAIL_ACTIONS,
    ADOPT,
    *DECIDING,
    *MODERATING,
    *HOLDING,
    RETRY,
    *FORGETTING,
)

_ORDER: Final = (
    "overview", "flows", "contacts", "emails", "experiments", "segments", "offers",
    "reviews", "deliverability", "operations", "board", "privacy", "audit",
)  # fmt: skip

#: Each section's name and where it begins: the first of its pages that needs nothing more said.
SECTIONS: Final = tuple(
    next((page.section, page.path) for page in PAGES if page.section == section)
    for section in _ORDER
    if any(page.section == section for page in PAGES)
)
