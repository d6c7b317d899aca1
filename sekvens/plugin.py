"""One plugin carries the data converter and the registrations to client, worker and replayer alike.

So that they cannot drift apart: what a worker runs is what a replay test replays.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

# The converter imports it for its first dataclass: workflow tasks that begin at once, as on a new
# worker, then find half of it in one another's threads, and fail (seen; they are tried again).
import pydantic.dataclasses  # noqa: F401
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkerDeploymentConfig

from sekvens.errors import SettingsError
from sekvens.worker_section import WorkerSettings

#: See `settled_client`.
SETTLE_SECONDS: Final = 0.1


def sekvens_plugin(
    *, workflows: Sequence[type] = (), activities: Sequence[Callable[..., Any]] = ()
) -> SimplePlugin:
    """Make the plugin; a client needs neither workflows nor activities."""
    return SimplePlugin(
        "sekvens",
        data_converter=pydantic_data_converter,
        workflows=list(workflows) or None,
        activities=list(activities) or None,
    )


def deployment_of(worker: WorkerSettings) -> WorkerDeploymentConfig | None:
    """Tell Temporal which version a worker is; None: it takes whatever there is to do.

    The behavior is said here and nowhere in the workflows: there it would make a worker without
    versioning fail each of its tasks.
    """
    if not worker.deployment:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(
            deployment_name=worker.deployment, build_id=worker.build_id
        ),
        use_worker_versioning=True,
        # An enrollment outlives many versions: pinned, it would keep each of their workers alive.
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


async def connect(plugin: SimplePlugin | None = None) -> Client:
    """Connect as Temporal's environment configuration says (`temporal.toml`, `TEMPORAL_*`).

    Raises:
        SettingsError: that configuration cannot be used; waiting would not mend it.
    """
    try:
        config = ClientConfig.load_client_connect_config()
    except RuntimeError as error:  # the SDK's ConfigError is not exported
        raise SettingsError(
            f"Temporal's own configuration (TEMPORAL_*, temporal.toml) cannot be used: {error}"
        ) from error
    config.setdefault("target_host", "127.0.0.1:7233")
    return await Client.connect(**config, plugins=[plugin or sekvens_plugin()])


@asynccontextmanager
async def settled_client() -> AsyncIterator[Client]:
    """Connect for one errand; at the end, wait until the SDK's own threads have let go."""
    client = await connect()
    try:
        yield client
    finally:
        # They are still at the last answer; an interpreter that ended under them crashed now and
        # then.
        await asyncio.sleep(SETTLE_SECONDS)
