"""The quarterly board: the seven metrics against the quarters before and the shop's targets.

It prints on two pages, so its tables are short: what is largest stands there, the rest is counted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from babel.numbers import format_decimal
from markupsafe import Markup
from sqlalchemy.orm import Session

from sekvens.metrics.calendar import NoQuarter, Quarter
from sekvens.metrics.comparing import Compared, Verdict, compared, newest_and_before
from sekvens.metrics.definitions import METRICS, Unit
from sekvens.metrics.quarters import Bold, quarters
from sekvens.metrics.reading import Number
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.charts import Series, line_chart
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.words import Words

#: This quarter, and the four before.
_QUARTERS: Final = 5
#: Rows of a table; with more the board would not print on two pages.
ROWS_MAX: Final = 5
#: What stands on each of the two printed pages: in this order their columns are as long.
SHEETS: Final = (
    ("open-rate", "click-to-open", "review-conversion", "repeat-purchase"),
    ("cart-redemption", "nps", "kept-30-days"),
)
#: The tables of each metric, in order: a title of the page's words, and that of its numbers.
_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "open-rate": ("by flow",),
    "click-to-open": ("by flow",),
    "review-conversion": ("by flow",),
    "nps": ("by flow",),
    "cart-redemption": ("by reminder", "by value", "by category"),
    "kept-30-days": ("by cohort", "after each flow"),
}
_NOTHING: Final = "\N{EN DASH}"
#: Why there is no data, in a word of the page's, by how the reason begins.
_WITHOUT: Final = {"no message was reported": "w_feedback", "nobody has allowed": "w_opens"}


@dataclass(frozen=True, kw_only=True)
class Table:
    """One breakdown: its rows are written already."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int  #: rows that are left out


@dataclass(frozen=True, kw_only=True)
class Card:
    """One metric, in words."""

    name: str
    title: str
    hint: str
    value: str
    says: str
    beside: str  #: empty: nothing stands beside it
    verdict: str  #: empty: there is no target
    mark: str  #: the class of the verdict
    chart: Markup
    tables: tuple[Table, ...]


def show(house: House, session: Session, asked: Asked) -> Mapping[str, object] | None:
    """Show one quarter: the one asked for, or the one that it is; None: that has not begun."""
    today = Quarter.of(asked.today)
    try:
        quarter = Quarter.read(asked.query.get("quarter", str(today)))
    except NoQuarter:
        return None
    if quarter > today:
        return None
    found = quarters(session, quarter, _QUARTERS, house.rules, today=asked.today)
    writer = _Writer(house, asked, quarter)
    sheets = [[writer.card(found.bold[name]) for name in names] for names in SHEETS]
    is_empty = not any(each.denominator for bold in found.bold.values() for each in bold.numbers)
    return {
        "quarter": str(quarter),
        "choices": [str(today.after(back)) for back in range(1 - _QUARTERS, 1)],
        "since": quarter.begins,
        "until": quarter.ends - timedelta(days=1),
        "is_running": quarter == today,
        "counted_at": found.counted_at,
        "sheets": () if is_empty else sheets,
    }


class _Writer:
    """Writes numbers and sentences in the reader's language."""

    def __init__(self, house: House, asked: Asked, quarter: Quarter) -> None:
        self._t: Words = asked.t
        self._quarter = quarter
        #: of a quarter that is not over the page says so once
        self._is_running = quarter == Quarter.of(asked.today)
        self._target = house.settings.metrics.target
        self._write = house.writes(asked.language)

    def card(self, bold: Bold) -> Card:
        seen = compared(bold, target=self._target(bold.name, self._quarter))
        beside = bold.beside[-1].value if bold.beside else None
        t = self._t
        return Card(
            name=bold.name,
            title=t.of("m", bold.name),
            hint=t.of("h", bold.name),
            value=self._value(seen.now),
            says=self._says(seen),
            beside="" if beside is None else t("consent", share=self._write["percent"](beside)),
            verdict=self._verdict(seen),
            mark={Verdict.MET: "good", Verdict.MISSED: "warn"}.get(seen.verdict, ""),
            chart=self._chart(bold),
            tables=tuple(self._tables(bold)),
        )

    def _says(self, seen: Compared) -> str:
        """Say it in a sentence: `Up 3 points on the quarter before; 1,204 of 3,310; mostly …`."""
        t, now = self._t, seen.now
        if now.value is None:
            return self._without(now)
        said = [self._change(seen)]
        said += [t.unsure] if seen.is_sure is False else []
        said += [self._sums(now)]
        said += [t("mostly", flow=seen.mostly)] if seen.mostly else []
        said += [t.still] if now.may_grow and not self._is_running else []
        return "; ".join(said) + "."

    def _change(self, seen: Compared) -> str:
        t, now, points = self._t, seen.now, seen.points
        if now.is_few:
            return t("few", n=int(now.denominator))
        if points is None:
            return t.few_before if seen.before.is_few else t.no_before
        written = format_decimal(abs(points), "#,##0.0", locale=t.language)
        if not float(f"{points:.1f}"):
            return t.same
        unit = t.points_share if now.unit is Unit.SHARE else t.points_score
        return t("up" if points > 0 else "down", points=written, unit=unit)

    def _without(self, number: Number) -> str:
        for begins, word in _WITHOUT.items():
            if number.without.startswith(begins):
                return self._t(word)
        return self._t.w_nothing

    def _sums(self, number: Number) -> str:
        write = self._write["number"]
        return self._t("of", n=write(number.numerator), of=write(number.denominator))

    def _verdict(self, seen: Compared) -> str:
        if seen.verdict is Verdict.NONE or seen.target is None:
            return ""
        target = self._measured(seen.now.unit)(seen.target)
        return self._t(f"target_{seen.verdict}", target=target)

    def _measured(self, unit: Unit) -> Callable[[float | None], str]:
        """Tell what writes a value of this unit."""
        if unit is Unit.SHARE:
            return self._write["percent"]
        return _score

    def _value(self, number: Number) -> str:
        if number.value is None:
            return self._t.no_data
        return self._measured(number.unit)(number.value)

    def _chart(self, bold: Bold) -> Markup:
        labels = [str(each.group["quarter"]) for each in bold.numbers]
        targets = [self._target(bold.name, Quarter.read(each)) for each in labels]
        title = self._t.of("m", bold.name)
        series = [Series(name=title, values=[each.value for each in bold.numbers])]
        if all(each.value is None for each in bold.numbers):
            return Markup()
        if any(each is not None for each in targets):
            series.append(Series(name=self._t.target, values=targets))
        write = self._measured(METRICS[bold.name].unit)
        return line_chart(title, labels, series, write=write, table=self._t.as_table)

    def _tables(self, bold: Bold) -> Iterator[Table]:
        for title in _TABLES.get(bold.name, ()):
            numbers = bold.tables.get(title, ())
            if title == "by cohort":
                yield self._cohorts(numbers)
                continue
            if pairs := newest_and_before(numbers, self._quarter):
                yield self._table(title, pairs)

    def _table(self, title: str, pairs: Sequence[tuple[Number, Number | None]]) -> Table:
        """Set a row for the largest of what a metric is told apart by; bands of values in order."""
        shown = sorted(pairs[:ROWS_MAX], key=lambda pair: pair[0].group.get("cart-value") or 0)
        return Table(
            title=self._t(title.replace(" ", "_")),
            head=("", self._t.now_head, self._t.before_head),
            rows=tuple(
                (self._named(now), self._cell(now), self._cell(before) if before else _NOTHING)
                for now, before in shown
            ),
            more=max(0, len(pairs) - ROWS_MAX),
        )

    def _cohorts(self, numbers: Sequence[Number]) -> Table:
        """Set a row for each quarter of sign-up, a column for each number of days."""
        names = list(dict.fromkeys(each.metric for each in numbers))
        # Of whom signed up last, so many days have not passed: to say all are kept would flatter.
        cells = {
            (each.group["quarter"], each.metric): self._t.not_yet
            if each.may_grow and each.value is not None
            else self._cell(each)
            for each in numbers
        }
        shown = list(dict.fromkeys(str(each.group["quarter"]) for each in numbers))
        days = [self._t.of("c", name) for name in names]
        return Table(
            title=self._t.by_cohort,
            head=(self._t.signed_up, *days),
            rows=tuple((each, *(cells[each, name] for name in names)) for each in reversed(shown)),
            more=0,
        )

    def _named(self, number: Number) -> str:
        """Write what a row is of: a flow, a reminder, a band of carts' values, a category."""
        told = [value for name, value in number.group.items() if name != "quarter"][::-1]
        if "cart-value" in number.group:
            value = number.group["cart-value"]
            written = self._write["money"](value)
            return self._t.none if value is None else self._t("from_value", value=written)
        known = [str(each) for each in told if each is not None]
        return " \N{MIDDLE DOT} ".join(known) or self._t.none

    def _cell(self, number: Number) -> str:
        if number.value is None:
            return _NOTHING
        if number.is_few:
            return self._t.too_few
        return self._measured(number.unit)(number.value)


def _score(value: float | None) -> str:
    """Write a score with its sign: `+42`."""
    return _NOTHING if value is None else f"{value:+.0f}".replace("-", "\N{MINUS SIGN}")


BOARD: Final = Page(path="/staff/board", name="board", section="board", show=show)
