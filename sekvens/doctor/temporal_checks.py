"""What Temporal says of the namespace that enrollments live in."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.service import RPCError

from sekvens.doctor.findings import CouldNotBeAsked, Finding, fault, ok, warning
from sekvens.doctor.set_up import SetUp, TemporalFacts
from sekvens.enrollments import names
from sekvens.errors import SettingsError
from sekvens.plugin import connect

T = TypeVar("T")

SECONDS: Final = 5.0
#: `NamespaceState.NAMESPACE_STATE_REGISTERED`
_REGISTERED: Final = 1
#: Somebody asks why a contact got no e-mail a few days after the enrollment ended.
RETENTION_DAYS_MIN: Final = 7.0


def ask_temporal() -> TemporalFacts:
    """Ask the server that Temporal's own configuration names.

    Raises:
        CouldNotBeAsked: it does not answer, or refuses.
    """
    return ask(_ask)


def ask(asking: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Ask the server something.

    Raises:
        CouldNotBeAsked: it does not answer, or refuses.
    """
    try:
        return asyncio.run(asyncio.wait_for(asking(), 3 * SECONDS))
    except SettingsError as error:
        raise CouldNotBeAsked(str(error)) from error
    except RPCError as error:
        raise CouldNotBeAsked(f"Temporal refuses ({error.status.name})") from error
    except (RuntimeError, TimeoutError, OSError) as error:
        raise CouldNotBeAsked("Temporal does not answer") from error


def temporal_answers(set_up: SetUp) -> Finding:
    """Whether Temporal can be reached, and has the namespace."""
    try:
        facts = set_up.namespace()
    except CouldNotBeAsked as error:
        return fault(str(error), "look at TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and temporal.toml")
    if not facts.is_registered:
        return fault(f"the namespace {facts.namespace!r} is not in use", "register it")
    return ok(f"Temporal answers, and has the namespace {facts.namespace!r}")


def search_attributes(set_up: SetUp) -> Finding:
    """Whether the namespace knows what operators search by; without, no workflow can start."""
    missing = [
        name for name in names.SEARCH_ATTRIBUTES if name not in set_up.namespace().search_attributes
    ]
    if not missing:
        return ok(f"registered: {', '.join(names.SEARCH_ATTRIBUTES)}")
    return fault(
        f"search attributes are missing, so no enrollment starts: {', '.join(missing)}",
        "start a worker, which registers them, or make them by hand, each of type Keyword",
    )


def retention(set_up: SetUp) -> Finding:
    """Whether an ended enrollment can be looked at for long enough."""
    days = set_up.namespace().retention_days
    what = f"days for which an ended enrollment is kept: {days:g}"
    if days < RETENTION_DAYS_MIN:
        return warning(
            what, f"keep it for {RETENTION_DAYS_MIN:g} or more; nothing else depends on it"
        )
    return ok(what)


async def _ask() -> TemporalFacts:
    client = await connect()
    timeout = timedelta(seconds=SECONDS)
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), timeout=timeout
    )
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=timeout
    )
    kept = described.config.workflow_execution_retention_ttl.ToTimedelta()
    return TemporalFacts(
        namespace=client.namespace,
        is_registered=described.namespace_info.state == _REGISTERED,
        retention_days=kept / timedelta(days=1),
        search_attributes=frozenset(listed.custom_attributes),
    )
