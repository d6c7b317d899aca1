"""What the Monday mail says, in one of the staff's languages: one content for both parts. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from babel.numbers import format_percent

from sekvens.messages.formats import dated, money
from sekvens.messages.words import counted, read_words
from sekvens.staff.monday.gains import Gain
from sekvens.staff.monday.needs import Need, NeedKind
from sekvens.staff.monday.week import FlowWeek, WeekTold

FOLDER: Final = Path(__file__).parent
#: Flows that are named; the others are added up.
FLOWS_SHOWN: Final = 6
#: The page of the dashboard on which each is seen to.
PLACES: Final[Mapping[NeedKind, str]] = {
    NeedKind.BREAKER: "/staff/deliverability",
    NeedKind.SWITCHES: "/staff/operations",
    NeedKind.PARKED: "/staff/operations",
    NeedKind.HELD: "/staff/operations",
    NeedKind.APPROVALS: "/staff/operations",
    NeedKind.POOLS: "/staff/offers",
    NeedKind.REVIEWS: "/staff",
    NeedKind.REQUESTS: "/staff",
}
BOARD: Final = "/staff/board"


@dataclass(frozen=True, kw_only=True)
class Link:
    """A line that leads somewhere."""

    text: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """One heading with what stands below it, in this order."""

    title: str
    paragraphs: tuple[str, ...] = ()
    head: tuple[str, ...] = ()  #: of the table
    rows: tuple[tuple[str, ...], ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Letter:
    """All of it, in words."""

    language: str
    subject: str
    preheader: str
    sections: tuple[Section, ...]
    board: Link
    small: tuple[str, ...]  #: below everything else


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who reads it, in which language, and where the shop's dashboard is."""

    name: str
    language: str
    shop: str
    currency: str
    public_url: str


def letter(told: WeekTold, reader: Reader, *, counted_at: datetime | None) -> Letter:
    """Write the Monday mail; `counted_at` is on the shop's own clock."""
    return _Writer(told, reader).letter(counted_at)


class _Writer:
    def __init__(self, told: WeekTold, reader: Reader) -> None:
        self._told = told
        self._reader = reader
        files = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("words.*")}
        self._words: Mapping[str, Any] = read_words(files, reader.language)

    def letter(self, counted_at: datetime | None) -> Letter:
        told, words = self._told, self._words
        week = told.since.isocalendar().week
        subject = words["subject"] if told.earned else words["subject_nothing"]
        waits = len(told.needs)
        needs = self._counted(words["needs_you"], waits) if waits else words["needs_nobody"]
        sections = [self._earned(week), self._cost(), *self._gains(), self._needs()]
        return Letter(
            language=self._reader.language,
            subject=subject.format(week=week, money=self._money(told.earned)),
            preheader=f"{needs}.",
            sections=tuple(sections),
            board=Link(text=words["board"], url=self._reader.public_url + BOARD),
            small=(self._counted_until(counted_at), self._why()),
        )

    def _earned(self, week: int) -> Section:
        told, words = self._told, self._words
        before = self._money(told.earned_before)
        change = self._change(told.earned, told.earned_before, before)
        key = "earned" if told.earned and told.share else "earned_of_nothing"
        says = words[key if told.orders else "nothing_earned"].format(
            money=self._money(told.earned),
            orders=self._counted(words["orders"], told.orders),
            change=change,
            share=self._percent(told.share or 0),
        )
        title = words["title_earned"].format(
            week=week, since=self._day(told.since), until=self._day(told.until)
        )
        head = (words["flow"], words["this_week"], words["week_before"])
        rows = tuple(self._rows(told.flows))
        return Section(title=title, paragraphs=(says,), head=head if rows else (), rows=rows)

    def _rows(self, flows: tuple[FlowWeek, ...]) -> Iterator[tuple[str, ...]]:
        named, others = flows[:FLOWS_SHOWN], flows[FLOWS_SHOWN:]
        for each in named:
            yield each.flow, self._money(each.now.money), self._money(each.before.money)
        if others:
            now, before = (
                sum(each.now.money for each in others), sum(each.before.money for each in others)
            )  # fmt: skip
            yield self._words["others"], self._money(now), self._money(before)

    def _cost(self) -> Section:
        words, cost, cost_before = self._words, self._told.cost, self._told.cost_before
        before = words["cost_before"].format(before=self._money(cost_before.cost))
        change = before if cost_before.redeemed else ""
        says = words["cost" if cost.redeemed else "no_codes"].format(
            codes=self._counted(words["codes"], cost.redeemed),
            money=self._money(cost.cost),
            change=change,
        )
        unknown = self._counted(words["cost_unknown"], cost.unknown) if cost.unknown else ""
        paragraphs = tuple(text for text in (says.strip(), unknown) if text)
        return Section(title=words["title_cost"], paragraphs=paragraphs)

    def _gains(self) -> Iterator[Section]:
        if self._told.gains:
            paragraphs = tuple(self._gain(each) for each in self._told.gains)
            yield Section(title=self._words["title_gains"], paragraphs=paragraphs)

    def _gain(self, gain: Gain) -> str:
        flow = gain.flow or self._words["all_marketing"]
        since = self._day(gain.since.date())
        revenue = gain.revenue
        if revenue is None or not revenue.is_known:
            return str(self._words["gain_not_known"].format(flow=flow, since=since))
        said = {name: self._money(getattr(revenue, name)) for name in ("low", "high")}
        written = self._words["gain"]
        return str(written.format(flow=flow, since=since, money=self._money(revenue.value), **said))

    def _needs(self) -> Section:
        links = tuple(self._need(each) for each in self._told.needs)
        says = () if links else (self._words["nothing_waits"],)
        return Section(title=self._words["title_needs"], paragraphs=says, links=links)

    def _need(self, need: Need) -> Link:
        text = self._counted(self._words["needs"][need.kind], need.number)
        return Link(text=text, url=self._reader.public_url + PLACES[need.kind])

    def _change(self, now: Decimal, before: Decimal, written: str) -> str:
        """Say how it compares with the week before; of nothing there is no percentage."""
        words = self._words
        if not before:
            return str(words["before_nothing"])
        if not now:
            return str(words["before_was"].format(before=written))
        percent = round((now / before - 1) * 100)
        key = "same" if percent == 0 else "more" if percent > 0 else "less"
        return str(words[key].format(percent=abs(percent), before=written))

    def _counted_until(self, at: datetime | None) -> str:
        if at is None:
            return str(self._words["not_counted"])
        moment = f"{self._day(at.date())} {at:%H:%M}"
        return str(self._words["counted"].format(moment=moment))

    def _why(self) -> str:
        said = self._words["why"].format(shop=self._reader.shop, name=self._reader.name)
        return str(said)

    def _counted(self, forms: Mapping[str, str], count: int) -> str:
        return counted(forms, count, locale=self._reader.language)

    def _money(self, amount: Decimal | float) -> str:
        """Write a sum of money without its hundredths."""
        whole = Decimal(str(amount)).quantize(Decimal(1))
        return money(whole, self._reader.currency, locale=self._reader.language)

    def _percent(self, share: float) -> str:
        return str(format_percent(share, locale=self._reader.language))

    def _day(self, day: date) -> str:
        return dated(day, today=self._told.monday, locale=self._reader.language)
