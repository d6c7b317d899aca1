"""`enroll` and `signal`: what a person may do to one contact's passage through a flow."""

import asyncio
from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import find_contact, open_database
from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from temporalio.client import Client

    from sekvens.enrollments.wire import DirectSignal


class NothingToSignal(SekvensError):
    """No enrollment of this contact is under way."""


class NoSuchSignal(SekvensError):
    """No enrollment listens for a signal of this name."""


class NotTaken(SekvensError):
    """The flow does not take this contact."""


_WHY_NOT = {
    "no_entry_key": "the flow tells entries apart by a key; give --entry-key (a cart's id, say)",
    "too_old": "the trigger is too old",
    "under_way": "they are in it now",
    "reentry": "they have been in it, and it does not take them again yet",
    "draft": "it is a draft; `starter.py flows mode` makes it manual or live",
    "conditions": "its entry conditions do not hold for them",
    "gone": "they have been erased",
    "holdout": "the lot keeps them out of it, for comparison; see `starter.py experiments show`",
}


@click.command()
@click.argument("flow")
@click.argument("contact")
@click.option("--entry-key", help="Tells entries apart, for a flow that has one: a cart's id.")
def enroll(flow: str, contact: str, entry_key: str | None) -> None:
    """Put CONTACT into FLOW by hand, as if the trigger had just happened.

    CONTACT is our id, the shop's user id or the address. The flow's entry conditions and re-entry
    rule hold all the same; the relay starts the enrollment.

    Example: starter.py enroll welcome customer-42
    """
    from sekvens.clock import SystemClock
    from sekvens.enrollments.enroll import NotEnrolled
    from sekvens.enrollments.enroll import enroll as enroll_contact
    from sekvens.enrollments.publish import live_flow
    from sekvens.settings import load_settings

    now = SystemClock().now()
    with open_database() as database, database.write() as session:
        outcome = enroll_contact(
            session,
            live_flow(session, flow),
            contact_id=find_contact(session, contact).id,
            entry_key=entry_key,
            trigger=None,
            now_wall=now,
            now_shop=load_settings().shop_time().at(now),
        )
    if isinstance(outcome, NotEnrolled):
        raise NotTaken(f"{contact!r} does not enter {flow}: {_WHY_NOT[outcome.reason]}")
    click.echo(f"{outcome.workflow_id} is enrolled as {outcome.id}; the relay starts it.")


@click.command()
@click.argument("target", metavar="CONTACT-OR-WORKFLOW")
@click.argument("name")
@click.option("--event-id", help="Your own id for this fact, so that a repeat is harmless.")
@click.option("--order-id", help="The order, for a purchase.")
def signal(target: str, name: str, event_id: str | None, order_id: str | None) -> None:
    """Signal enrollments directly, as a backend with a Temporal client may.

    NAME is `purchase`, `unsubscribe` or the name of an event that docs/reference/events.md lists;
    or `retry`, `skip`, `exit`, a person's word on an enrollment that is parked or should end. A
    contact's enrollments all get it.

    Example: starter.py signal customer-42 purchase --order-id 1001
    """
    _check_name(name)
    workflow_ids = [target] if "/" in target else _workflows_under_way(target)
    if not workflow_ids:
        raise NothingToSignal(f"no enrollment of {target!r} is under way: nothing to signal")
    asyncio.run(_signal(workflow_ids, name, event_id=event_id, order_id=order_id))
    for workflow_id in workflow_ids:
        click.echo(f"{workflow_id} got {name}")


def _check_name(name: str) -> None:
    """Refuse a slip of the pen: any name would be recorded as a fact, and stay one."""
    from sekvens.enrollments import names
    from sekvens.events.schema import KNOWN_EVENTS
    from sekvens.events.spelling import canonical

    words = (*names.DIRECT_SIGNALS, names.RETRY_SIGNAL, names.SKIP_SIGNAL, names.EXIT_SIGNAL)
    if name not in words and canonical(name) not in KNOWN_EVENTS:
        raise NoSuchSignal(
            f"there is no signal {name!r}: give {', '.join(words)}, or an event that "
            "docs/reference/events.md lists, such as 'Order Completed'"
        )


def _workflows_under_way(contact: str) -> list[str]:
    from sekvens.enrollments.queries import enrollments_of
    from sekvens.enrollments.tables import EnrollmentState

    with open_database() as database, database.read() as session:
        enrollments = enrollments_of(session, find_contact(session, contact).id)
        return [row.workflow_id for row in enrollments if row.state != EnrollmentState.ENDED]


async def _signal(
    workflow_ids: list[str], name: str, *, event_id: str | None, order_id: str | None
) -> None:
    from sekvens.enrollments.wire import DirectSignal
    from sekvens.plugin import settled_client

    async with settled_client() as client:
        for workflow_id in workflow_ids:
            sent = DirectSignal(event_id=event_id, order_id=order_id)
            await _send_one(client, workflow_id, name, sent)


async def _send_one(client: "Client", workflow_id: str, name: str, sent: "DirectSignal") -> None:
    from temporalio.service import RPCError, RPCStatusCode

    try:
        await client.get_workflow_handle(workflow_id).signal(name, sent)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND and "namespace" not in error.message.lower():
            raise NothingToSignal(f"no workflow {workflow_id} is under way") from error
        raise
