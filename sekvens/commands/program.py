"""The root of the command line: the one place that turns a failure into a sentence.

Exit codes: 0 done; 1 a service cannot be reached or something broke; 2 what was asked for cannot be
done as it was asked.
"""

import sys
import traceback
from collections.abc import Iterator
from typing import Any

import click

from sekvens.errors import SekvensError

FAILED = 1
REFUSED = 2


class Program(click.Group):
    """A group of commands whose failures are sentences; `--debug` shows the traceback as well."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and say in a sentence why it could not be done."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001  the one place where everything becomes a sentence
            said = sentence_for(error)
            if ctx.params.get("debug") or said is None:
                traceback.print_exc()
            sentence, code = said or (f"A fault in Sekvens: {type(error).__name__}.", FAILED)
            click.echo(f"Error: {sentence}", err=True)
            sys.exit(code)


def sentence_for(error: BaseException) -> tuple[str, int] | None:
    """Tell what to say about a failure and the exit code; None for a fault of our own.

    Libraries are recognised by the names of their exceptions, since importing them all here would
    make every command slow.
    """
    if isinstance(error, SekvensError):
        return str(error), FAILED if _is_about_a_service(error) else REFUSED
    for cause in _causes(error):
        kind = f"{type(cause).__module__.split('.')[0]}.{type(cause).__name__}"
        if kind == "temporalio.RPCError" and cause.status.name not in _NO_ANSWER:  # type: ignore[attr-defined]
            return f"{_TEMPORAL_REFUSES} It says: {cause}", FAILED
        if kind in _SERVICES:
            return _SERVICES[kind], FAILED
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}", REFUSED
    if isinstance(error, RuntimeError) and "Failed client connect" in str(error):
        return _TEMPORAL, FAILED
    return None


def _is_about_a_service(error: SekvensError) -> bool:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & {"NotSent", "OutcomeUnknown", "LockTimeout", "NotDelivered"}) or bool(
        kinds & {"ServiceStopped", "NoFreePort", "PurchasesMissing", "TemporalMissing"}
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


_DATABASE = (
    "the database cannot be used: it is not there, does not answer, or lacks our tables. Look at "
    "database.url in the settings (SEKVENS_DATABASE__URL), then run `starter.py migrate`. "
    "`--debug` shows what the database said."
)
_TEMPORAL = (
    "Temporal does not answer. Start it, or say where it is: TEMPORAL_ADDRESS (host:port), or a "
    "profile in temporal.toml. `starter.py up` starts one on this machine."
)
_TEMPORAL_REFUSES = (
    "Temporal answers, and refuses: look at TEMPORAL_NAMESPACE and TEMPORAL_API_KEY."
)
#: Temporal's states of a call that got no answer; any other is what the server said.
_NO_ANSWER = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN"})
_SES = (
    "SES does not answer. Look at ses.endpoint_url in the settings; `starter.py local-ses` starts "
    "a local one."
)
_CREDENTIALS = (
    "Amazon's credentials are missing: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a "
    "profile, as for any AWS tool."
)
_SERVICES = {
    "sqlalchemy.OperationalError": _DATABASE,
    "sqlalchemy.ProgrammingError": _DATABASE,
    "sqlalchemy.NoSuchModuleError": _DATABASE,
    "sqlalchemy.ArgumentError": _DATABASE,
    "temporalio.RPCError": _TEMPORAL,
    "botocore.EndpointConnectionError": _SES,
    "botocore.ConnectTimeoutError": _SES,
    "botocore.NoCredentialsError": _CREDENTIALS,
    "botocore.NoRegionError": _SES,
}
