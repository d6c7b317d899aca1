"""Choosing the hour at which a wait of one contact ends."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sekvens.contacts.zone import zone_of
from sekvens.flows.commands import NextBestTime
from sekvens.send_time.activity import count_hours
from sekvens.send_time.best import (
    Cohort,
    Shares,
    best_time,
    cohort_of,
    contact_hours,
    fixed_time,
    random_time,
)
from sekvens.send_time.figures import read_known
from sekvens.send_time.quiet_hours import QuietHours
from sekvens.send_time.section import SendTimeSettings, is_enough
from sekvens.send_time.tables import SendTimeChoice
from sekvens.shop import Shop


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An instant in UTC, and by what it was chosen; no cohort: too little is known yet."""

    at: datetime
    cohort: Cohort | None


@dataclass(frozen=True)
class BestTimes:
    """Chooses by the shop's settings."""

    shop: Shop
    quiet: QuietHours
    settings: SendTimeSettings

    def choose(
        self,
        session: Session,
        question: NextBestTime,
        *,
        contact_id: str,
        seed: str,
        now: datetime,
    ) -> Choice:
        """Choose when a contact's wait ends.

        `contact_id` is canonical; `seed` is what chance goes by, the same at every attempt; `now`
        is shop time.
        """
        zone = zone_of(session, contact_id, self.shop)
        known = read_known(session)
        if known is None or not is_enough(
            self.settings, clicks=known.clicks, activity=known.activity
        ):
            return Choice(at=fixed_time(question, self.quiet, zone), cohort=None)
        shares = Shares(random=self.settings.random_share, fixed=self.settings.fixed_share)
        cohort = cohort_of(contact_id, shares)
        match cohort:
            case Cohort.FIXED:
                at = fixed_time(question, self.quiet, zone)
            case Cohort.RANDOM:
                at = random_time(question, seed, self.quiet, zone)
            case Cohort.BEST:
                own = count_hours(session, now=now, zone=self.shop.timezone, contact_id=contact_id)
                hours = contact_hours(own.activity, known.hours)
                at = best_time(question, hours, self.quiet, zone)
        return Choice(at=at, cohort=cohort)


def keep_choice(
    session: Session,
    choice: Choice,
    *,
    enrollment_id: str,
    step_id: str,
    contact_id: str,
    now: datetime,
) -> None:
    """Keep what was chosen for a wait; of one that was asked again, the last. `now`: shop time."""
    session.merge(
        SendTimeChoice(
            enrollment_id=enrollment_id,
            step_id=step_id,
            contact_id=contact_id,
            cohort=choice.cohort,
            at=choice.at,
            chosen_on=now,
        )
    )
