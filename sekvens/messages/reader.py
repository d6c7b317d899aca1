"""The reader: the one for whom facts are written out, in a locale, at a place, on a day."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sekvens.messages import formats
from sekvens.messages.facts import Facts
from sekvens.messages.markdown import Prose
from sekvens.shop import Localized, Shop


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Whom a text is written for, and how things are written for them."""

    shop: Shop
    locale: str
    timezone: str  #: IANA name
    today: date  #: where the reader lives

    @classmethod
    def of(cls, facts: Facts, *, shop: Shop, locale: str) -> "Reader":
        """Tell who reads an e-mail made of these facts."""
        today = facts.now.astimezone(ZoneInfo(facts.timezone)).date()
        return cls(shop=shop, locale=locale, timezone=facts.timezone, today=today)

    def text(self, text: Localized) -> str:
        """Choose the reader's locale."""
        # A fact that was not translated is better read in the shop's language than not at all.
        chosen = text.get(self.locale) or text.get(self.locale.partition("-")[0])
        return chosen or text.get(self.shop.default_locale) or next(iter(text.values()), "")

    def prose(self, text: Localized) -> Prose:
        """Choose the reader's locale of a text that the shop wrote in Markdown."""
        return Prose(self.text(text).strip())

    def money(self, amount: Decimal | None, currency: str | None) -> str | None:
        """Write an amount, in the shop's currency unless it has its own."""
        if amount is None:
            return None
        return formats.money(amount, currency or self.shop.currency, locale=self.locale)

    def day_of(self, at: datetime) -> date:
        """Tell the day on which an instant falls where the reader lives."""
        return at.astimezone(ZoneInfo(self.timezone)).date()

    def day(self, of: date) -> str:
        """Write a day, with the year when it is another than today's."""
        return formats.dated(of, today=self.today, locale=self.locale)

    def instant(self, at: datetime) -> str:
        """Write the day on which an instant falls where the reader lives."""
        return self.day(self.day_of(at))
