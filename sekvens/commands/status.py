"""`status`: what is held and by whom, what SES allows, how our mail fares, and what waits."""

from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import open_database
from sekvens.commands.switches import in_words
from sekvens.commands.tables import make_console, make_table, minute, printable

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console
    from sqlalchemy.orm import Session

#: Of what SES reports, so many days are shown.
REPORTED_DAYS = 7
#: SES's words may differ from message to message; the rest is for the ledger.
REASONS_MAX = 20


@click.command()
def status() -> None:
    """Show what is stopped or paused, modes, SES's quota, reports and rates, what waits since when.

    Times are wall time, in UTC.

    Example: starter.py status
    """
    from sekvens.clock import SystemClock

    console, now = make_console(), SystemClock().now()
    with open_database() as database, database.read() as session:
        _switches(console, session)
        _modes(console, session)
        _quota(console, session)
        _rates(console, session, now)
        _reported(console, session, now)
        _hooks(console, session)
        _waiting(console, session, now)
    _dead_letters(console)


def _switches(console: "Console", session: "Session") -> None:
    from rich.markup import escape

    from sekvens.switches.turning import standing

    held = standing(session)
    if not held:
        console.print("Nothing is stopped or paused.")
        return
    table = make_table("what", "is", "since", "by", "why", title="Held")
    for switch in held:
        since, by, why = minute(switch.since), printable(switch.by), printable(switch.note or "-")
        table.add_row(in_words(switch.name), switch.state, since, escape(by), escape(why))
    console.print(table)


def _modes(console: "Console", session: "Session") -> None:
    """Say what people have made draft, manual or live, and what waits for their word."""
    from rich.markup import escape

    from sekvens.modes.setting import set_modes

    table = make_table("flow", "step", "is", "since", "by", "why", title="Modes")
    for each in set_modes(session):
        said = (escape(printable(text)) for text in (each.by, each.note or "-"))
        table.add_row(each.flow, each.step or "-", each.mode, minute(each.since), *said)
    if table.row_count:
        console.print(table)


def _quota(console: "Console", session: "Session") -> None:
    from sekvens.quota.room import kept_for_order_mail
    from sekvens.quota.tables import THE_ACCOUNT, SesQuota
    from sekvens.settings import load_settings

    quota = session.get(SesQuota, THE_ACCOUNT)
    if quota is None or quota.told_at is None or quota.day_max is None:
        console.print("SES has not been asked what the account may send: a worker does it.")
        return
    of_day = "without a limit on the day"
    if quota.day_max >= 0:
        kept = kept_for_order_mail(quota.day_max, load_settings().sending.order_mail_share)
        of_day = f"of {quota.day_max:,.0f} a day, {kept:,} of them kept for order mail"
    console.print(
        f"SES takes {quota.send_rate_max:g} messages a second; {quota.sent_last_day:,.0f} in the "
        f"last 24 hours, {of_day} (asked {minute(quota.told_at)})"
    )
    if quota.asked_at > quota.told_at:
        console.print(f"SES has not answered since: last asked {minute(quota.asked_at)}")
    if quota.paused_since is not None:
        console.print(f"SES takes nothing from this account since {minute(quota.paused_since)}")
    if quota.full_since is not None:
        console.print(f"Marketing waits for room in the day since {minute(quota.full_since)}")


def _rates(console: "Console", session: "Session", now: "datetime") -> None:
    from sekvens.reputation.counts import rates
    from sekvens.reputation.rates import LIMITS

    table = make_table(
        "purpose", "", "of the newest", "seen", "certainly", "warns at", "holds at", "level",
        title="Bounces and complaints",
    )  # fmt: skip
    for rate in rates(session, now=now):
        limits = LIMITS[rate.kind]
        few = rate.of < limits.volume_min
        table.add_row(
            rate.purpose,
            f"{rate.kind}s",
            f"{rate.of:,}",
            str(rate.seen),
            f"{rate.at_least:.2%}",
            f"{limits.warn:.2%}",
            f"{limits.pause:.2%}" if rate.purpose == "marketing" else "-",
            f"too few to judge (below {limits.volume_min:,})" if few else rate.level,
        )
    console.print(table)


def _reported(console: "Console", session: "Session", now: "datetime") -> None:
    """Say what SES has reported of late, and what of it somebody should look at."""
    from datetime import timedelta

    from rich.markup import escape

    from sekvens.engagement import queries as engagement
    from sekvens.feedback.queries import counts, odd

    since = now - timedelta(days=REPORTED_DAYS)
    found = counts(session, since=since)
    words = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.items()))
    console.print(f"SES reported in {REPORTED_DAYS} days: {words or 'nothing'}".replace("_", " "))
    done = engagement.in_words(engagement.counts_since(session, since))
    console.print(f"Opens and clicks in {REPORTED_DAYS} days: {done or 'none'}")
    rows = odd(session, since=since)
    if not rows:
        return
    table = make_table("what", "SES's type", "why", "reports", "newest", title="To look at")
    for each in rows[:REASONS_MAX]:
        table.add_row(
            each.kind, escape(each.type), escape(each.detail or "-"), f"{each.count:,}",
            minute(each.newest_at),
        )  # fmt: skip
    console.print(table)


def _hooks(console: "Console", session: "Session") -> None:
    """Say of each system that is told of consent what it has not taken yet, and why."""
    from rich.markup import escape

    from sekvens.notices.queries import standings

    hooks = standings(session)
    if not hooks:
        return
    table = make_table(
        "webhook", "took one", "waiting", "fails since", "why", "tried again",
        title="Changes of consent",
    )  # fmt: skip
    for hook in hooks:
        failing = f"[red]{minute(hook.failing_since)}[/red]" if hook.failing_since else "-"
        problem = escape(printable(hook.problem or "-"))
        table.add_row(
            escape(hook.name), minute(hook.told_at), f"{hook.waiting:,}", failing, problem,
            minute(hook.due_at),
        )  # fmt: skip
    console.print(table)


def _dead_letters(console: "Console") -> None:
    """Say how many reports were put aside, if there is a queue for them."""
    from botocore.exceptions import BotoCoreError, ClientError

    from sekvens.feedback.queue import depth
    from sekvens.settings import load_settings

    settings = load_settings()
    url = settings.feedback.dead_letter_url
    if not url:
        return
    try:
        count = depth(settings, url)
    except (BotoCoreError, ClientError) as error:
        console.print(f"The dead-letter queue does not answer: {type(error).__name__}")
        return
    look = ": mend what the log's feedback_failed names, then move them back" if count else ""
    console.print(f"{count:,} reports lie in the dead-letter queue{look}")


def _waiting(console: "Console", session: "Session", now: "datetime") -> None:
    from sekvens.approvals.waiting import Which, groups
    from sekvens.enrollments import queries

    backlog = queries.backlog(session, now=now)
    waiting = queries.messages_waiting(session, now=now)
    parked = sum(count for _, _, count in queries.parked_counts(session))
    approvals = sum(group.messages for group in groups(session, Which(), now=now))
    since = f", the oldest since {minute(waiting.oldest_doubt_at)}" if waiting.in_doubt else ""
    look = ": starter.py parked" if parked else ""
    console.print(f"{waiting.held:,} messages wait")
    console.print(f"{waiting.in_doubt:,} messages are in doubt{since}")
    if approvals:
        console.print(f"{approvals:,} of them wait for a person: starter.py approve")
    _reasons(console, session, now)
    console.print(f"{parked:,} enrollments are parked{look}")
    _moves(console, session)
    overlapped, newest = queries.overlaps(session)
    last = f", the newest at {minute(newest)}" if overlapped else ""
    console.print(f"{overlapped:,} messages were still leaving when a fact was acknowledged{last}")
    oldest = backlog.oldest_event_at
    behind = f", the oldest event since {minute(oldest)}" if oldest else ""
    console.print(
        f"{backlog.events:,} events and {backlog.enrollments:,} enrollments are unrelayed{behind}"
    )


def _moves(console: "Console", session: "Session") -> None:
    """Say how many go over to another version of their flow just now, if any do."""
    from sekvens.enrollments.moves import progress

    for each in progress(session):
        left = each.waiting + each.moving
        if left:
            since = f", the first since {minute(each.oldest_at)}" if each.oldest_at else ""
            where = f"{each.flow} v{each.version}{since}: starter.py flows moves"
            console.print(f"{left:,} enrollments are still to be moved to {where}")


def _reasons(console: "Console", session: "Session", now: "datetime") -> None:
    """Say what messages wait for, since when, and how often SES was called for one of them."""
    from rich.markup import escape

    from sekvens.enrollments import queries

    reasons = queries.waiting_by_reason(session, now=now)
    if not reasons:
        return
    table = make_table("why", "purpose", "messages", "since", "most attempts", title="Waiting")
    for each in reasons[:REASONS_MAX]:
        why = "in doubt: SES did not answer" if each.in_doubt else each.why or "about to be tried"
        table.add_row(
            escape(why), each.purpose, f"{each.messages:,}", minute(each.since),
            str(each.attempts_max),
        )  # fmt: skip
    console.print(table)
