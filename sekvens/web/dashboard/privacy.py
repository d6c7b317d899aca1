"""Privacy: what people have asked for, and who was erased, by certificates of ids and counts."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session
from starlette.responses import Response

from sekvens.contacts.erase import certificate_of, erasures
from sekvens.contacts.requests import RequestKind, answered, open_requests
from sekvens.contacts.tables import Erasure
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.rendering import HEADERS

#: Certificates of one page, and answered requests.
SHOWN: Final = 50
_ANSWERED: Final = 20


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """One erasure, and how many rows became what."""

    row: Erasure
    rows: Mapping[str, int]  #: `deleted`, `emptied`, `kept` -> rows of all tables
    tables: Mapping[str, Mapping[str, int]]


def show(_house: House, session: Session, asked: Asked) -> Mapping[str, object]:
    """List what waits for an answer, what has had one, and who was erased."""
    offset = asked.number("from", digits=6) or 0
    rows, count = erasures(session, offset=offset, limit=SHOWN)
    return {
        "open": open_requests(session),
        "answered": answered(session, limit=_ANSWERED),
        "export": RequestKind.EXPORT,
        "erasures": [_forgotten(row) for row in rows],
        "count": count,
        "next": offset + SHOWN if offset + len(rows) < count else None,
    }


def show_certificate(_house: House, session: Session, asked: Asked) -> Response | None:
    """Hand out a certificate as a file, as `contacts erase --certificate` writes it."""
    row = session.get(Erasure, asked.path["certificate"])
    return None if row is None else as_file(certificate_of(row), name=row.id)


def as_file(value: Mapping[str, Any], *, name: str) -> Response:
    """Make JSON for people into a file to be kept: no browser shows it or stores it by itself."""
    return Response(
        json.dumps(value, ensure_ascii=False, indent=2) + "\n",
        media_type="application/json",
        headers={
            **HEADERS,
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{name}.json"',
        },
    )


def file_name(contact_id: str, *, now: datetime) -> str:
    """Name the file of an export; ids of ours are plain."""
    return f"{contact_id}-{now:%Y-%m-%d}"


def _forgotten(row: Erasure) -> Forgotten:
    rows: Counter[str] = Counter()
    for counted in row.tables.values():
        rows.update(counted)
    return Forgotten(row=row, rows=rows, tables=row.tables)


PRIVACY: Final = Page(path="/staff/privacy", name="privacy", section="privacy", show=show)
CERTIFICATE: Final = Page(
    path="/staff/privacy/{certificate}", name="privacy", section="privacy", show=show_certificate
)
