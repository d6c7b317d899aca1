"""What the demo writes on the terminal: a line for each happening, and how things stand."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sekvens.demo.narration import Happening
from sekvens.demo.standing import Standing
from sekvens.flows.shop_time import DAY

#: Without news for so long, a line says how things stand.
STANDING_SECONDS = 20.0
#: Columns of a terminal on which the reasons have room beside the numbers.
ROOMY = 120
_STYLES = {"entered": "cyan", "sent": "green", "left": "magenta", "parked": "bold red"}


class Report:
    """Writes happenings as lines, with the shop's day in front."""

    def __init__(
        self,
        console: Console,
        *,
        opened_at: datetime,
        ready_at: datetime,
        standing: Callable[[], Standing],
    ) -> None:
        self._console = console
        self._opened_at = opened_at  # shop time
        self._ready_at = ready_at  # wall time
        self._standing = standing
        self._told_at = time.monotonic()
        self._has_mailed = False

    def tell(self, news: list[Happening]) -> None:
        """Write what is new, or after a quiet while how things stand."""
        for happening in news:
            self._line(happening)
        if not self._has_mailed and any(happening.kind == "sent" for happening in news):
            self._first_e_mail()
        if news:
            self._told_at = time.monotonic()
        elif time.monotonic() - self._told_at > STANDING_SECONDS:
            self.tell_standing()
            self._told_at = time.monotonic()

    def tell_standing(self) -> None:
        """Write in a line how things stand."""
        now = self._standing()
        parked = f", {now.parked} parked" if now.parked else ""
        self._print(
            f"So far: {now.entered} enrollments, {now.under_way} under way{parked}, "
            f"{now.completed} had all of it, {now.left_early} left early; "
            f"{now.sent} e-mails sent, {now.skipped} skipped."
        )

    def tell_flows(self, now: Standing) -> None:
        """Write how each flow stands."""
        table = Table(box=SIMPLE, pad_edge=False, show_footer=True)
        for heading, total in (
            ("flow", "all of them"),
            ("entered", now.entered),
            ("under way", now.under_way),
            ("had all", now.completed),
            ("e-mails", now.sent),
        ):
            table.add_column(
                heading,
                str(total),
                justify="left" if heading == "flow" else "right",
                no_wrap=True,
            )
        table.add_column("left early", str(now.left_early))
        table.add_column("e-mails skipped", str(now.skipped))
        for flow in now.flows:
            parked = f" +{flow.parked} parked" if flow.parked else ""
            table.add_row(
                flow.flow,
                *(_count(flow.entered), _count(flow.under_way) + parked, _count(flow.completed)),
                *(_count(flow.sent), self._reasons(flow.left_early), self._reasons(flow.skipped)),
            )
        self._console.print(table, highlight=False)
        if now.reviews_pending:
            waiting = "review waits" if now.reviews_pending == 1 else "reviews wait"
            self._print(
                f"{now.reviews_pending} {waiting} for somebody to read: "
                "starter.py reviews list --pending"
            )

    def _reasons(self, counted: Counter[str]) -> str:
        """Say why, where there is room; a word broken in four says less than a number."""
        return _reasons(counted) if self._console.width >= ROOMY else _count(counted.total())

    def _line(self, happening: Happening) -> None:
        day = max(0.0, (happening.at - self._opened_at) / DAY)
        self._console.print(
            f"day {day:5.1f}  {escape(happening.first_name):<9} {happening.flow:<23} "
            f"{escape(happening.text)}  [dim]{happening.contact_id}[/]",
            style=_STYLES.get(happening.kind, "dim"),
            highlight=False,
            soft_wrap=True,
        )

    def _first_e_mail(self) -> None:
        self._has_mailed = True
        first = self._standing().first_accepted_at
        if first:
            after = (first - self._ready_at).total_seconds()
            self._console.print(
                f"The first e-mail was in the inbox {after:.1f} s after the services were up.",
                style="bold",
                highlight=False,
            )

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)


def _count(number: int) -> str:
    return str(number) if number else "-"


def _reasons(counted: Counter[str]) -> str:
    return ", ".join(
        f"{count} {reason.replace('_', ' ')}" for reason, count in counted.most_common()
    )
