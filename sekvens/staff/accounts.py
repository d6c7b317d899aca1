"""Accounts of the staff: made, listed, disabled and given new passwords by the command line only.

A change of password, of role or a disabling ends every session of that account at once.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sekvens.errors import SekvensError
from sekvens.messages.addresses import usable
from sekvens.staff.passwords import NOBODYS, check_password, fits, hashed
from sekvens.staff.tables import LANGUAGES, Role, StaffMember, StaffSession

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,63}")


class StaffRefused(SekvensError):
    """The account cannot be made or changed."""


def add(session: Session, name: str, *, role: Role, password: str, now: datetime) -> StaffMember:
    """Make an account; `now` is wall time.

    Raises:
        StaffRefused: the name is taken, or none.
        PasswordRefused: the password could be guessed.
    """
    name = name.lower()
    if not _NAME.fullmatch(name):
        raise StaffRefused("a name has 2 to 64 of a-z, 0-9 and . _ @ + -")
    if session.get(StaffMember, name) is not None:
        raise StaffRefused(f"{name} is there already: `starter.py staff password {name}`")
    check_password(password, name=name)
    member = StaffMember(
        name=name, role=role, password=hashed(password), created_at=now, changed_at=now
    )
    session.add(member)
    return member


def listed(session: Session) -> Sequence[StaffMember]:
    """List every account, by name."""
    return session.scalars(select(StaffMember).order_by(StaffMember.name)).all()


def set_password(session: Session, name: str, *, password: str, now: datetime) -> None:
    """Give an account another password, let it log in again, and end its sessions.

    Raises:
        StaffRefused: there is no such account.
        PasswordRefused: the password could be guessed.
    """
    member = named(session, name)
    check_password(password, name=member.name)
    member.password, member.changed_at, member.disabled_at = hashed(password), now, None
    _end_sessions(session, member)


def write_to(
    session: Session,
    name: str,
    *,
    email: str | None = None,
    language: str | None = None,
    monday: bool | None = None,
) -> StaffMember:
    """Say where and in which language an account is written to, and if it gets the Monday mail.

    What is None stays as it is; an empty address is taken away, and with it the Monday mail.

    Raises:
        StaffRefused: there is no such account; SES would not take the address, which is not quoted;
            there is no such language; the Monday mail has no address to go to.
    """
    member = named(session, name)
    if email is not None:
        member.email = usable(email)
        if email.strip() and member.email is None:
            raise StaffRefused("that is no address that SES would take: write maja@shop.se")
    if language is not None:
        if language not in LANGUAGES:
            raise StaffRefused(f"the staff are written to in one of {', '.join(LANGUAGES)}")
        member.language = language
    if monday is not None:
        member.gets_monday = monday
    if member.gets_monday and member.email is None:
        if monday:
            raise StaffRefused(f"{member.name} has no address yet: give --email with --monday")
        member.gets_monday = False
    return member


def disable(session: Session, name: str, *, now: datetime) -> None:
    """Let an account log in no more, and end its sessions.

    Raises:
        StaffRefused: there is no such account.
    """
    member = named(session, name)
    member.disabled_at = member.disabled_at or now
    _end_sessions(session, member)


def authenticated(session: Session, name: str, password: str) -> StaffMember | None:
    """Tell whose name and password these are; None: nobody's, for whichever reason."""
    member = session.get(StaffMember, name.strip().lower()[:64])
    fit = fits(password, member.password if member else NOBODYS)
    return member if member and fit and member.disabled_at is None else None


def named(session: Session, name: str) -> StaffMember:
    """Find an account by its name.

    Raises:
        StaffRefused: there is none of this name.
    """
    member = session.get(StaffMember, name.lower())
    if member is None:
        raise StaffRefused(f"there is no account {name!r}: `starter.py staff list` shows them")
    return member


def _end_sessions(session: Session, member: StaffMember) -> None:
    session.execute(delete(StaffSession).where(StaffSession.name == member.name))
