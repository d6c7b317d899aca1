"""A page: its address, who may see it, and the function that finds what it shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy.orm import Session
from starlette.responses import Response

from sekvens.staff.tables import Role
from sekvens.web.dashboard.asked import Asked, House

#: Finds the values of a page's template; None: there is no such thing (404). What is no page of the
#: dashboard's own look, such as an e-mail, is a response.
Show: TypeAlias = Callable[[House, Session, Asked], Mapping[str, object] | Response | None]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of the dashboard: its template `pages/<name>.html`, its words `words/<name>.toml`."""

    path: str  #: as FastAPI writes it: `/staff/flows/{flow}`
    name: str
    section: str  #: the entry of the navigation that it belongs to
    show: Show
    role: Role = Role.VIEWER
    #: ids of elements that are fetched anew every few seconds, without a reload
    live: tuple[str, ...] = ()
    #: posted to, since what is looked for, or written, must not stand in an address: nothing that
    #: reaches anybody is changed by it
    posted: bool = False
