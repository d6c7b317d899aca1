"""What the demo writes on the terminal: a line for each happening, and how things stand."""

import time
from datetime import datetime

from rich.console import Console
from rich.markup import escape

from sekvens.demo.narration import Happening, Narrator, Tally
from sekvens.flows.shop_time import DAY

#: Without news for so long, a line says how things stand.
STANDING_SECONDS = 20.0
_STYLES = {"entered": "cyan", "sent": "green", "left": "magenta", "parked": "bold red"}


class Report:
    """Writes happenings as lines, with the shop's day in front."""

    def __init__(self, console: Console, *, opened_at: datetime, ready_at: datetime) -> None:
        self._console = console
        self._opened_at = opened_at  # shop time
        self._ready_at = ready_at  # wall time
        self._told_at = time.monotonic()
        self._has_mailed = False

    def tell(self, narrator: Narrator) -> None:
        """Write what is new, or after a quiet while how things stand."""
        news = narrator.news()
        for happening in news:
            self._line(happening)
        if not self._has_mailed and any(happening.kind == "sent" for happening in news):
            self._first_e_mail(narrator.tally())
        if news:
            self._told_at = time.monotonic()
        elif time.monotonic() - self._told_at > STANDING_SECONDS:
            self.tell_standing(narrator.tally())
            self._told_at = time.monotonic()

    def tell_standing(self, tally: Tally) -> None:
        """Write how things stand."""
        left = ", ".join(f"{count} {reason}" for reason, count in sorted(tally.left.items()))
        parked = f", {tally.parked} parked" if tally.parked else ""
        self._console.print(
            f"So far: {tally.enrollments} enrollments, {tally.under_way} under way{parked}; "
            f"ended: {left or 'none'}; {tally.sent} e-mails sent, {tally.skipped} skipped.",
            highlight=False,
            soft_wrap=True,
        )

    def _line(self, happening: Happening) -> None:
        day = max(0.0, (happening.at - self._opened_at) / DAY)
        self._console.print(
            f"day {day:5.1f}  {escape(happening.first_name):<9} {happening.flow:<17} "
            f"{escape(happening.text)}  [dim]{happening.contact_id}[/]",
            style=_STYLES.get(happening.kind, "dim"),
            highlight=False,
            soft_wrap=True,
        )

    def _first_e_mail(self, tally: Tally) -> None:
        self._has_mailed = True
        if tally.first_accepted_at:
            after = (tally.first_accepted_at - self._ready_at).total_seconds()
            self._console.print(
                f"The first e-mail was in the inbox {after:.1f} s after the services were up.",
                style="bold",
                highlight=False,
            )
