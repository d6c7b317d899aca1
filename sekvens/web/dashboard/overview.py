"""The first page: what needs a person."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from sekvens.staff.waiting import waiting_for_people
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.page import Page


def show(_house: House, session: Session, asked: Asked) -> Mapping[str, object]:
    """Find what waits."""
    return {"waiting": waiting_for_people(session, now=asked.now)}


OVERVIEW = Page(path="/staff", name="overview", section="overview", show=show, live=("waiting",))
