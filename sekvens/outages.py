"""Outages told from bugs: what the world does is tried again, what we did wrong is not."""

from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from temporalio.exceptions import TemporalError

from sekvens.errors import LockTimeout, NotDelivered, NotSent, OutcomeUnknown, SettingsError

#: What mends itself, or is mended for everybody at once by whoever runs the services.
_OUTAGES: Final = (
    DBAPIError, PoolTimeout, OSError, MemoryError, SettingsError, NotSent, OutcomeUnknown,
    LockTimeout, NotDelivered, TemporalError,
)  # fmt: skip
#: Of a database's complaints, those that are about one value and not about the database.
_ABOUT_VALUES: Final = (DataError, IntegrityError, NotSupportedError)


def is_outage(error: Exception) -> bool:
    """Tell whether a fault is the world's and not ours: then trying again is all there is to do."""
    return isinstance(error, _OUTAGES) and not isinstance(error, _ABOUT_VALUES)
