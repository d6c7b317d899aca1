"""The database: whether it is there, on this version's schema, and on time. Reads only."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from sekvens.db.migrate import known_revisions, revision_of
from sekvens.db.session import Database
from sekvens.doctor.findings import CouldNotBeAsked, Finding, fault, ok, warning
from sekvens.doctor.set_up import SetUp
from sekvens.settings import Settings

#: Amazon refuses a signature that is older; so does our grace count on it.
APART_MAX: Final = timedelta(minutes=5)
#: Worth a look: clocks that are kept differ by less, and an HTTP date has no finer grain.
APART_NOTED: Final = timedelta(seconds=10)


def database_answers(set_up: SetUp) -> Finding:
    """Whether the database can be used, and carries more than one machine."""
    try:
        with opened(set_up.settings) as database, database.read() as session:
            session.execute(text("SELECT 1"))
            kind = database.engine.dialect.name
    except CouldNotBeAsked as error:
        return fault(str(error), "look at database.url, then run starter.py migrate")
    if kind == "sqlite" and set_up.settings.sending.production:
        return warning("SQLite: everything must run on this one machine", "use PostgreSQL for more")
    return ok(f"the database answers ({kind})")


def migration_level(set_up: SetUp) -> Finding:
    """Whether the schema is this version's."""
    with opened(set_up.settings) as database:
        found = revision_of(database)
    known = known_revisions()
    if found == known[-1]:
        return ok(f"the schema is this version's ({found})")
    if found is None:
        return fault("the database has no tables of ours", "run starter.py migrate")
    if found in known:
        return fault(
            f"the schema is at {found}, and this version needs {known[-1]}",
            "run starter.py migrate",
        )
    return fault(
        f"the schema ({found}) is newer than this version", "deploy the version that migrated it"
    )


def clock(set_up: SetUp) -> Finding:
    """Whether this machine's clock agrees with Amazon's and the database's."""
    asked = [name for name in (_by_ses(set_up), _by_database(set_up)) if name is not None]
    if not asked:
        return warning("nobody could be asked for the time", "see what SES and the database say")
    apart, whose = max((abs(apart), whose) for apart, whose in asked)
    what = f"this clock and that of {whose} are {apart.total_seconds():.0f} s apart"
    if apart >= APART_MAX:
        return fault(what, "set the clock, by NTP: Amazon refuses what is signed at another time")
    if apart >= APART_NOTED:
        return warning(what, "keep the clock by NTP")
    return ok(what)


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """Open the database for a look: a file that is not there is not made.

    Raises:
        CouldNotBeAsked: it is not there, or does not answer.
    """
    url = make_url(settings.database.url)
    is_file = url.get_backend_name() == "sqlite"
    if is_file and not Path(url.database or "").is_file():
        raise CouldNotBeAsked(f"there is no database file {url.database}")
    database = Database(settings.database.url, pool_size=1)
    try:
        yield database
    except SQLAlchemyError as error:
        raise CouldNotBeAsked(f"the database cannot be used ({type(error).__name__})") from error
    finally:
        database.close()


def _by_ses(set_up: SetUp) -> tuple[timedelta, str] | None:
    try:
        account = set_up.account()
    except CouldNotBeAsked:
        return None
    headers = (account.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}
    try:
        told = parsedate_to_datetime(str(headers.get("date")))
    except (TypeError, ValueError):
        return None
    asked_at: datetime = account["AskedAt"]
    return asked_at - told.astimezone(UTC), "SES"


def _by_database(set_up: SetUp) -> tuple[timedelta, str] | None:
    try:
        with opened(set_up.settings) as database, database.read() as session:
            if database.engine.dialect.name == "sqlite":
                return None  # the same clock
            told = session.execute(text("SELECT clock_timestamp()")).scalar_one()
            return set_up.clock.now() - told.astimezone(UTC), "the database"
    except CouldNotBeAsked:
        return None
