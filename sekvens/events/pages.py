"""Which pages the relay is owed: pages are most of what a shop posts, and few matter to a flow.

Every page is kept as a visit. It reaches flows only if a live flow starts on it, or if its contact
is in a flow that listens for pages (a visit is a sign of life, and ends a winback). That is asked
once for all the pages of a transaction; a visitor not yet known has no flows and costs nothing.
"""

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.enrollments.enroll import entry_key_of
from sekvens.enrollments.publish import live_flows, published_flow
from sekvens.enrollments.tables import Enrollment, EnrollmentState, FlowVersion
from sekvens.events.facts import Fact, chunks
from sekvens.events.schema import PAGE
from sekvens.flows.definition import Flow


def wanted_pages(session: Session, pages: Sequence[Fact]) -> set[int]:
    """Tell the event ids of the pages that some flow cares about."""
    if not pages:
        return set()
    flows = [published.flow for published in live_flows(session)]
    starting = {page.event_id for page in pages if any(_starts(flow, page) for flow in flows)}
    others = [page for page in pages if page.event_id not in starting]
    listening = _listening(session, {page.contact_id for page in others})
    return starting | {page.event_id for page in others if page.contact_id in listening}


def _starts(flow: Flow, page: Fact) -> bool:
    """Tell whether a page starts a flow; one that lacks the entry key would enroll nobody."""
    if not flow.is_triggered_by(PAGE, page.properties):
        return False
    return flow.entry_key is None or entry_key_of(flow, page.properties) is not None


def _listening(session: Session, contact_ids: set[str]) -> set[str]:
    """Tell which of these contacts are in a flow that listens for pages."""
    found: set[str] = set()
    for some in chunks(contact_ids):
        query = (
            select(
                Contact.id,
                Contact.merged_into,
                Enrollment.flow,
                Enrollment.flow_version,
                FlowVersion.digest,
            )
            .join(Enrollment, Enrollment.contact_id == Contact.id)
            .join(
                FlowVersion,
                (FlowVersion.flow == Enrollment.flow)
                & (FlowVersion.version == Enrollment.flow_version),
            )
            .where(
                # An enrollment keeps the id of a contact who was merged away.
                or_(
                    Contact.id.in_(some),
                    Contact.id.in_(select(Contact.id).where(Contact.merged_into.in_(some))),
                ),
                Enrollment.state != EnrollmentState.ENDED,
            )
        )
        for contact_id, merged_into, flow, version, digest in session.execute(query):
            graph = published_flow(session, flow, version, digest).graph
            if any(pattern.name == PAGE for pattern in graph.listens()):
                found.add(merged_into or contact_id)
    return found
