"""What stands, goes out, is skipped and is left at each step of a flow: the figures of its picture.

Who stands where is asked of the enrollments and is of this moment. The rest is of a period: what
became of messages as metrics count it, who left as the enrollments have it.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.queries import UNDER_WAY
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.metrics.pages import Period
from sekvens.metrics.reading import Asked, Number, read
from sekvens.metrics.rules import Rules


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Who is at one step now."""

    under_way: int = 0  #: those that are parked included
    parked: int = 0


@dataclass(frozen=True, kw_only=True)
class Went:
    """What became of one step's messages, and of those who came to it, in a period."""

    sent: int = 0  #: messages that SES took
    delivered: int = 0
    clicks_allowed: int = 0  #: delivered messages of which clicks could be noted
    clicked: int = 0  #: of these, those in which a person clicked
    converted: int = 0  #: delivered messages that an order is owed to
    earned: float = 0.0  #: what these orders come to, in the shop's currency
    skipped: Mapping[str, int] = field(default_factory=dict)  #: skip reason -> messages
    left: Mapping[str, int] = field(default_factory=dict)  #: exit reason -> enrollments


def standing_by_step(session: Session, flow: str) -> dict[str | None, Standing]:
    """Tell who stands at each step of a flow now, whatever their version; None: at none yet."""
    query = (
        select(Enrollment.step_id, Enrollment.state, func.count())
        .where(Enrollment.flow == flow, UNDER_WAY)
        .group_by(Enrollment.step_id, Enrollment.state)
    )
    found: defaultdict[str | None, dict[str, int]] = defaultdict(dict)
    for step, state, count in session.execute(query):
        found[step][state] = count
    return {
        step: Standing(under_way=sum(states.values()), parked=states.get(EnrollmentState.PARKED, 0))
        for step, states in found.items()
    }


def went_by_step(
    session: Session, flow: str, period: Period, rules: Rules
) -> dict[str | None, Went]:
    """Tell what went out at each step of a flow in a period, what was skipped, and who left there.

    Those who were through with all steps left at None, as `completed`.
    """
    sums = _sums(session, flow, period, rules)
    skipped, left = _skipped(session, flow, period, rules), _left(session, flow, period, rules)
    return {
        step: Went(
            sent=_below(sums.get((step, "delivered"))),
            delivered=_above(sums.get((step, "delivered"))),
            clicks_allowed=_below(sums.get((step, "click-rate"))),
            clicked=_above(sums.get((step, "click-rate"))),
            converted=_above(sums.get((step, "conversion"))),
            earned=_amount(sums.get((step, "revenue-per-recipient"))),
            skipped=skipped.get(step, {}),
            left=left.get(step, {}),
        )
        for step in {*(step for step, _ in sums), *skipped, *left}
    }


def _sums(
    session: Session, flow: str, period: Period, rules: Rules
) -> dict[tuple[str | None, str], Number]:
    names = ("delivered", "click-rate", "conversion", "revenue-per-recipient")
    asked = Asked(names=names, since=period.since, until=period.until, by=("step",), flow=flow)
    numbers = read(session, asked, rules, today=period.until)
    return {(each.group["step"], each.metric): each for each in numbers if not each.without}


def _above(number: Number | None) -> int:
    return int(number.numerator or 0) if number else 0


def _amount(number: Number | None) -> float:
    return number.numerator or 0.0 if number else 0.0


def _below(number: Number | None) -> int:
    return int(number.denominator) if number else 0


def _skipped(
    session: Session, flow: str, period: Period, rules: Rules
) -> dict[str | None, dict[str, int]]:
    asked = Asked(
        names=("skipped",), since=period.since, until=period.until, by=("step", "reason"), flow=flow
    )
    found: defaultdict[str | None, dict[str, int]] = defaultdict(dict)
    for each in read(session, asked, rules, today=period.until):
        if each.numerator:
            found[each.group["step"]][each.group["reason"]] = int(each.numerator)
    return dict(found)


def _left(
    session: Session, flow: str, period: Period, rules: Rules
) -> dict[str | None, dict[str, int]]:
    query = (
        select(Enrollment.step_id, Enrollment.exit_reason, func.count())
        .where(
            Enrollment.flow == flow,
            Enrollment.state == EnrollmentState.ENDED,
            Enrollment.ended_at >= rules.begins(period.since),
            Enrollment.ended_at < rules.begins(period.until),
        )
        .group_by(Enrollment.step_id, Enrollment.exit_reason)
    )
    found: defaultdict[str | None, dict[str, int]] = defaultdict(dict)
    for step, reason, count in session.execute(query):
        found[step][reason or "-"] = count
    return dict(found)
