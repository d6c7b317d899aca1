"""The door of the staff pages: who is logged in, and whether a form was posted from our own page.

A page asks `of(request, Role.…)` before it shows anything and `is_posted_by_us` before it changes
anything. Cookies are `__Host-` ones wherever we are reached by https; by http, this machine only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.sections import ApiSettings, is_local
from sekvens.staff import sessions
from sekvens.staff.tables import Role

_COOKIE: Final = "sekvens-staff"
#: A page's list may be ticked off as a whole.
_FIELDS_MAX: Final = 100

#: A form: each field with all of its values.
Form: TypeAlias = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class LoggedIn:
    """Somebody of the staff, as of this request."""

    name: str
    role: Role
    session_id: str

    @property
    def form_token(self) -> str:
        """What every form on their pages carries."""
        return sessions.form_token(self.session_id)


class StaffDoor:
    """Knows the cookie, and asks the database whose it is."""

    def __init__(self, api: ApiSettings, database: Database, clock: Clock) -> None:
        url = urlsplit(api.public_url)
        self._origin = f"{url.scheme}://{url.netloc}".lower()
        self._database = database
        self._clock = clock
        self.is_secure = url.scheme == "https"
        #: Over plain http to another machine a password would be there for all to read.
        self.is_open = self.is_secure or is_local(api.public_url)
        self.cookie = f"__Host-{_COOKIE}" if self.is_secure else _COOKIE

    def session_id(self, request: Request) -> str | None:
        """Tell the id in the cookie, if it looks like one of ours."""
        given = request.cookies.get(self.cookie, "")
        return given if len(given) == sessions.ID_CHARACTERS and given.isascii() else None

    def of(self, request: Request, wanted: Role, *, keeps: bool = True) -> LoggedIn | None:
        """Tell who is logged in and may do this; None: nobody.

        `keeps` is False for what a page asks by itself: only people keep themselves logged in.
        """
        session_id = self.session_id(request)
        if session_id is None or not self.is_open:
            return None
        with self._database.write() as session:
            member = sessions.whose(session, session_id, now=self._clock.now(), keeps=keeps)
            if member is None or not Role(member.role).may(wanted):
                return None
            return LoggedIn(name=member.name, role=Role(member.role), session_id=session_id)

    def is_posted_by_us(self, request: Request, form: Form) -> bool:
        """Tell whether a form came from a page that we showed to this browser."""
        session_id = self.session_id(request)
        origin = request.headers.get("origin", "").lower()
        if session_id is None or origin != self._origin:
            return False
        return sessions.is_form_token(session_id, first(form, "form_token"))

    def give_cookie(self, reply: Response, session_id: str) -> None:
        """Let the browser keep an id until it is closed; the server ends it sooner."""
        reply.set_cookie(
            self.cookie, session_id, path="/", secure=self.is_secure, httponly=True, samesite="lax"
        )

    def take_cookie(self, reply: Response) -> None:
        """Let the browser forget its id."""
        reply.delete_cookie(
            self.cookie, path="/", secure=self.is_secure, httponly=True, samesite="lax"
        )


def first(form: Form, name: str) -> str:
    """Tell the first value of a field; nothing where it was not given."""
    return next(iter(form.get(name, ())), "")


async def read_form(request: Request) -> Form:
    """Read a posted form; what cannot be read is an empty one."""
    # `Limits` has bounded the body.
    body = (await request.body()).decode("ascii", "replace")
    try:
        return parse_qs(body, keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        return {}
