"""Reviews: what customers wrote, first what nobody has read, and letting it be shown or not.

What is decided about is what was on the page: a review that its author has changed since is left
alone, so that nothing is shown unread.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from sekvens.reviews.moderation import moderate, undecided
from sekvens.reviews.queries import counts_by_state, to_read
from sekvens.reviews.tables import ReviewState
from sekvens.staff.tables import Role
from sekvens.web.dashboard.action import Action, Prospect, Refused
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.page import Page

#: Reviews of one page, which may be ticked off as a whole.
SHOWN: Final = 50
#: What one may make of a review, by the state that it is in.
_OFFERED: Final[Mapping[ReviewState, tuple[str, ...]]] = {
    ReviewState.PENDING: ("approve-reviews", "reject-reviews"),
    ReviewState.APPROVED: ("reject-reviews",),
    ReviewState.REJECTED: ("approve-reviews",),
}


def show(_house: House, session: Session, asked: Asked) -> Mapping[str, object]:
    """List the reviews of one state; those that wait for a reader unless others are asked for."""
    given = asked.query.get("state", "")
    state = ReviewState(given) if given in list(ReviewState) else ReviewState.PENDING
    offset = asked.number("from", digits=6) or 0
    counts = counts_by_state(session)
    found = to_read(session, state, offset=offset, limit=SHOWN)
    more = offset + len(found) < counts[state]
    return {
        "state": state,
        "counts": counts,
        "found": found,
        "next": offset + SHOWN if more else None,
        "offered": _OFFERED[state] if asked.who.role.may(Role.EDITOR) else (),
        "until": int(asked.now.timestamp()),
    }


@dataclass(frozen=True, kw_only=True)
class _Deciding:
    """Putting reviews into one state."""

    state: ReviewState

    def look(self, _house: House, session: Session, asked: Asked) -> Prospect | Refused:
        """Say how many would be shown from now on, or not."""
        if not asked.every("review"):
            return Refused(says=asked.t.none_chosen)
        count = len(self._meant(session, asked))
        if not count:
            return Refused(says=asked.t.nothing_to_decide)
        return Prospect(says=asked.t(f"will_be_{self.state}", n=count), count=count)

    def do(self, house: House, asked: Asked) -> str:
        """Decide about those that nobody has decided about or changed meanwhile."""
        with house.database.write() as session:
            meant = self._meant(session, asked)
            count = moderate(session, meant, state=self.state, now=house.clock.now())
        return asked.t(f"are_{self.state}", n=count)

    def _meant(self, session: Session, asked: Asked) -> list[str]:
        # Whole seconds, rounded down: what was changed in the page's own second is read again.
        seen_at = datetime.fromtimestamp(asked.number("until", digits=11) or 0, UTC)
        return undecided(session, asked.every("review"), state=self.state, seen_at=seen_at)


def _deciding(name: str, state: ReviewState) -> Action:
    of = _Deciding(state=state)
    return Action(
        name=name, words="reviews", role=Role.EDITOR, look=of.look, do=of.do,
        on=("review", "until"),
    )  # fmt: skip


MODERATING: Final = (
    _deciding("approve-reviews", ReviewState.APPROVED),
    _deciding("reject-reviews", ReviewState.REJECTED),
)
REVIEWS: Final = Page(path="/staff/reviews", name="reviews", section="reviews", show=show)
