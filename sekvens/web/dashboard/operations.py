"""Operations: what is behind, held, parked or waits for a person's word, and what SES allows."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from sekvens.approvals.showing import subject_of
from sekvens.approvals.waiting import Group, Which, groups
from sekvens.enrollments import parking, queries
from sekvens.notices.queries import standings
from sekvens.predictions.runs import newest
from sekvens.quota.room import kept_for_order_mail
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.staff.heard import is_relay_behind, last_heard
from sekvens.switches.tables import EVERYTHING
from sekvens.switches.turning import standing
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.page import Page

#: Enrollments of one group that are named.
SHOWN: Final = 50
#: What predictions are worked out of.
SUBJECTS: Final = ("orders", "next_best")


@dataclass(frozen=True, kw_only=True)
class ToDecide:
    """Messages of one e-mail that wait for a person's word."""

    flow: str
    step: str
    subject: str
    messages: int
    since: datetime  #: wall time
    too_late: datetime | None  #: wall time at which the oldest is skipped; None: never


def show(house: House, session: Session, asked: Asked) -> Mapping[str, object]:
    """Tell everything that an operator looks after."""
    backlog = queries.backlog(session, now=asked.now)
    held = standing(session)
    locale = house.settings.shop.default_locale
    return {
        "backlog": backlog,
        "heard": last_heard(session),
        "relay_behind": is_relay_behind(
            min(filter(None, (backlog.oldest_event_at, backlog.oldest_owed_at)), default=None),
            now=asked.now,
        ),
        "waiting": queries.messages_waiting(session, now=asked.now),
        "why": _order_mail_first(queries.waiting_by_reason(session, now=asked.now)),
        "held": held,
        "everything": next((each.state for each in held if each.name == EVERYTHING), ""),
        "parked": parking.groups(session),
        "decide": _to_decide(session, groups(session, Which(), now=asked.now), locale=locale),
        "until": math.ceil(asked.now.timestamp()),
        "hooks": standings(session),
        "runs": [run for each in SUBJECTS if (run := newest(session, each, is_finished=True))],
        **_quota(house, session),
    }


def show_parked(_house: House, session: Session, asked: Asked) -> Mapping[str, object] | None:
    """Name the enrollments of one group, those held longest first."""
    flow, step, code = (asked.query.get(name) or None for name in ("flow", "step", "code"))
    group = parking.group_of(session, flow or "", step, code)
    if group is None:
        return None
    return {"group": group, "enrollments": parking.members(session, group, limit=SHOWN)}


def _order_mail_first(waiting: Iterable[queries.WaitingFor]) -> list[queries.WaitingFor]:
    return sorted(waiting, key=lambda each: each.purpose != "transactional")


def _to_decide(session: Session, waiting: Iterable[Group], *, locale: str) -> list[ToDecide]:
    """Put the texts of one step together: they are decided on together."""
    together: dict[tuple[str, str], list[Group]] = {}
    for each in waiting:
        together.setdefault((each.flow, each.step), []).append(each)
    return [
        ToDecide(
            flow=flow,
            step=step,
            subject=subject_of(session, texts[-1], locale=locale),
            messages=sum(each.messages for each in texts),
            since=min(each.since for each in texts),
            too_late=min(
                (each.since + each.too_late_after for each in texts if each.too_late_after),
                default=None,
            ),
        )
        for (flow, step), texts in together.items()
    ]


def _quota(house: House, session: Session) -> Mapping[str, object]:
    quota = session.get(SesQuota, THE_ACCOUNT)
    if quota is None or quota.told_at is None or quota.day_max is None:
        return {"quota": None}
    share = house.settings.sending.order_mail_share
    is_limited = quota.day_max > 0
    return {
        "quota": quota,
        "kept": kept_for_order_mail(quota.day_max, share),
        "used": (quota.sent_last_day or 0) / quota.day_max if is_limited else None,
        "unanswered": quota.asked_at - quota.told_at > timedelta(0),
    }


OPERATIONS = Page(
    path="/staff/operations", name="operations", section="operations", show=show,
    live=("now", "held", "parked", "decide", "why", "quota"),
)  # fmt: skip
PARKED = Page(
    path="/staff/operations/parked", name="parked", section="operations", show=show_parked
)
