"""What the tests of importing contacts share: files, a way to import them, and what came of it."""

import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from sekvens.clock import FrozenClock
from sekvens.contacts.importing.parts import Kind, Tool, parts_of
from sekvens.contacts.importing.running import PartOutcome, RejectsFile, Run, import_part
from sekvens.contacts.importing.taking_over import Terms
from sekvens.contacts.tables import Consent, ConsentChange, Contact, Suppression, address_hash
from sekvens.db.session import Database
from tests.unit.ingesting import NOON

HEADER = "email,external_id,first_name,consent,consent_at,consent_source,consent_wording"
ELSA = "elsa@example.com,42,Elsa,subscribed,2025-01-02T10:00:00Z,Footer form,Yes please"
ELSA_AT = datetime(2025, 1, 2, 10, 0, tzinfo=UTC)

#: Column for column as Klaviyo exports a list: help.klaviyo.com/hc/en-us/articles/115005078687.
KLAVIYO = (
    "Email,Klaviyo ID,External ID,First Name,Last Name,City,State / Region,Country,Source,"
    "IP Address,Email Marketing Consent,Email Marketing Consent Timestamp,Profile Created On,"
    "Email Suppressions"
)
SUPPRESSED = "Email,Reason,Timestamp\n"
#: As Mailchimp ends each file of an audience: mailchimp.com/help/view-export-contacts.
MAILCHIMP = (
    "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,"
    "GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,{more}LEID,EUID,NOTES,TAGS"
)
UNSUB = "UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,"
CLEAN = "CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,"


def csv(*rows: str, header: str = HEADER) -> str:
    return "".join(f"{row}\n" for row in (header, *rows))


class Mover:
    """Imports files into a database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.clock = FrozenClock(NOON)
        self.rejects = folder / "rejected.csv"

    def file(self, content: str | bytes, name: str = "contacts.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def export(self, files: Mapping[str, str], name: str = "audience.zip") -> Path:
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            for member, content in files.items():
                archive.writestr(f"{member}_email_audience_export_1a2b3c.csv", content)
        return self.folder / name

    def take(
        self,
        path: Path,
        *,
        tool: Tool = Tool.CSV,
        kind: Kind = Kind.CONTACTS,
        maps: Sequence[str] = (),
        none: bool = False,
        dry: bool = False,
        **terms: Any,
    ) -> list[PartOutcome]:
        name = "import" if tool is Tool.CSV else tool.value
        with RejectsFile(self.rejects) as rejects:
            run = Run(
                database=self.database,
                clock=self.clock,
                terms=Terms(tool=name, now=self.clock.now(), **terms),
                dry=dry,
                rejects=rejects,
            )
            parts = parts_of(path, tool=tool, kind=kind, maps=maps)
            return [import_part(part, run, without_suppressions=none) for part in parts]

    def csv(self, *rows: str, **more: Any) -> PartOutcome:
        (outcome,) = self.take(self.file(csv(*rows)), **more)
        return outcome

    def contact(self, email: str) -> Contact | None:
        with self.database.read() as session:
            return session.scalar(
                select(Contact).where(Contact.email == email, Contact.merged_into.is_(None))
            )

    def consent(self, email: str) -> str | None:
        contact = self.contact(email)
        with self.database.read() as session:
            query = select(Consent.status).where(Consent.contact_id == (contact and contact.id))
            return session.scalar(query)

    def evidence(self, email: str) -> list[tuple[str, datetime, str]]:
        contact = self.contact(email)
        with self.database.read() as session:
            rows = session.scalars(
                select(ConsentChange)
                .where(ConsentChange.contact_id == (contact and contact.id))
                .order_by(ConsentChange.id)
            )
            return [(row.status, row.at, row.source) for row in rows]

    def suppression(self, email: str) -> str | None:
        with self.database.read() as session:
            row = session.get(Suppression, address_hash(email))
            return row and row.reason

    def count(self, table: Any) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def later(self, days: int) -> None:
        self.clock.move(timedelta(days=days))
