"""Rendering pages of the dashboard: templates, what they may call, and the policy they go by.

Nothing stands inline: styles and the one script are files of ours, and no other may load. What
comes from the database is escaped.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from sekvens.messages.formats import money
from sekvens.web.dashboard.words import Words

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
#: A form must say where it comes from, which `no-referrer` would keep from us.
HEADERS: Final = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
STATIC: Final = Path(__file__).parent / "static"
_NOTHING: Final = "\N{EN DASH}"


def rendered(
    template: str,
    t: Words,
    *,
    zone: str,
    currency: str,
    values: Mapping[str, object],
    status: int = 200,
) -> HTMLResponse:
    """Render a template of `pages/` in the language of its words."""
    environment = _environment(t.language, zone, currency)
    html = environment.get_template(template).render(t=t, **values)
    return HTMLResponse(html, status, headers=HEADERS)


@cache
def _environment(language: str, zone: str, currency: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    environment.filters.update(filters(language, zone=zone, currency=currency))
    environment.globals["static_url"] = static_url
    return environment


@cache
def static_url(name: str) -> str:
    """Tell the address of a file of ours, with its version: it is another when the file is."""
    version = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/staff/static/{name}?v={version}"


def filters(language: str, *, zone: str, currency: str) -> dict[str, Callable[[Any], str]]:
    """Make what writes numbers and times for people; None is written as a dash.

    `number` writes a whole number or one with two decimals, `percent` a share (0.125: 12.5 %),
    `percent2` one with two decimals, for what is judged by thousandths, `money` an amount of the
    shop's currency, `day` a date, `moment` an instant in the shop's zone.
    """
    locale = {"en": "en_GB"}.get(language, language)
    here = ZoneInfo(zone)

    def number(value: float | Decimal | None) -> str:
        return _NOTHING if value is None else format_decimal(value, "#,##0.##", locale=locale)

    def percent(value: float | Decimal | None) -> str:
        return _NOTHING if value is None else format_percent(value, "#,##0.0 %", locale=locale)

    def percent2(value: float | Decimal | None) -> str:
        return _NOTHING if value is None else format_percent(value, "#,##0.00 %", locale=locale)

    def amount(value: float | Decimal | None) -> str:
        if value is None:
            return _NOTHING
        return money(Decimal(str(value)).quantize(Decimal("0.01")), currency, locale=language)

    def day(value: date | None) -> str:
        return _NOTHING if value is None else format_date(value, "d MMM y", locale=locale)

    def moment(value: datetime | None) -> str:
        if value is None:
            return _NOTHING
        return format_datetime(value.astimezone(here), "d MMM y HH:mm", locale=locale)

    return {
        "number": number, "percent": percent, "percent2": percent2, "money": amount, "day": day,
        "moment": moment,
    }  # fmt: skip
