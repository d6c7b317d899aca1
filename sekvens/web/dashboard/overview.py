"""The first page: what is under way, what went out today, what it earned, what needs a person."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from markupsafe import Markup
from sqlalchemy.orm import Session

from sekvens.approvals.waiting import Which, groups
from sekvens.contacts.requests import open_requests
from sekvens.metrics.reading import counted_at
from sekvens.metrics.today import today_of
from sekvens.staff.waiting import waiting_for_people
from sekvens.switches.turning import standing
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.charts import Series, line_chart
from sekvens.web.dashboard.flows import rows
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.trends import trend


def show(house: House, session: Session, asked: Asked) -> Mapping[str, Any]:
    """Show how the shop's mail stands."""
    today = today_of(session, house.rules, today=asked.today)
    waiting = waiting_for_people(session, now=asked.now)
    approvals = sum(group.messages for group in groups(session, Which(), now=asked.now))
    held = standing(session)
    requests = len(open_requests(session))
    needed = (waiting.parked_count, waiting.held_count, waiting.reviews_count, approvals, requests)
    return {
        "today": today,
        "rows": [
            row
            for row in rows(house, session, asked, today.flows)
            if row.is_live or row.now.under_way
        ],
        "waiting": waiting,
        "approvals": approvals,
        "requests": requests,
        "held": held,
        "needed": sum(needed) + len(held),
        "charts": _charts(house, session, asked),
        "counted_at": counted_at(session, house.rules),
    }


def _charts(house: House, session: Session, asked: Asked) -> list[Markup]:
    t = asked.t
    write = house.writes(asked.language)
    found = trend(house, session, asked, ("delivered", "email-share"))
    draw = partial(line_chart, table=t.as_table)
    earned = [
        Series(name=t.owed_to_email, values=found.above("email-share")),
        Series(name=t.all_orders, values=found.below("email-share")),
    ]
    return [
        draw(
            t.trend_sent,
            found.labels,
            [Series(name=t.sent, values=found.below("delivered"))],
            write=write["number"],
        ),
        draw(t.trend_earned, found.labels, earned, write=write["money"]),
    ]


OVERVIEW = Page(
    path="/staff",
    name="overview",
    section="overview",
    show=show,
    live=("today", "waiting", "flows"),
)
