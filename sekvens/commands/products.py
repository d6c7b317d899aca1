"""`products`: what the shop sells, taken over from a feed, and what goes with what."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sekvens.commands.importing import opened_with_progress, print_outcome
from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_table, minute, print_table, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sekvens.settings import Settings

FORMATS = ("merchant-xml", "merchant-tsv", "shopify-csv")


@click.group()
def products() -> None:
    """Import and list products, pair them, announce drops.

    Example: starter.py products import feed.xml
    """


@products.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--format", "feed", type=click.Choice(FORMATS), help="Default: told by the file's content."
)
@click.option("--locale", help="The language of the file's texts. Default: the shop's own.")
@click.option(
    "--whole", is_flag=True, help="The file holds all that is for sale: the rest is sold out."
)
def import_(file: Path, feed: str | None, locale: str | None, *, whole: bool) -> None:
    """Import products from FILE: a Google Merchant Center feed or Shopify's product CSV.

    The same file twice changes nothing. A file in another locale than the shop's own fills in that
    locale's texts. Rows that cannot be used are listed, and the others are imported.

    Example: starter.py products import feed.en.xml --locale en
    """
    from sekvens.clock import SystemClock
    from sekvens.products.feeds.formats import Format, detect, read_feed
    from sekvens.products.importing import import_products
    from sekvens.settings import load_settings

    settings = load_settings()
    locale = _locale(settings, locale)
    if feed is None:
        with file.open("rb") as opened:
            feed = detect(opened)
    with open_database() as database, opened_with_progress(file) as opened:
        imported = import_products(
            database,
            read_feed(
                opened,
                Format(feed),
                home=settings.shop.links.home,
                currency=settings.shop.currency,
            ),
            locale=locale,
            own_locale=settings.shop.default_locale,
            now=settings.shop_time().at(SystemClock().now()),
            whole=whole,
            news=settings.products,
        )
    print_outcome(imported, what="products")


@products.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
def list_(limit: int) -> None:
    """List the products, as e-mails in the shop's own language tell them.

    Example: starter.py products list --limit 10
    """
    from sekvens.clock import SystemClock
    from sekvens.products.queries import all_products
    from sekvens.settings import load_settings

    settings = load_settings()
    own = settings.shop.default_locale
    table = make_table("id", "title", "category", "price", "was", "lowest", "in stock", "locales")
    now = settings.shop_time().at(SystemClock().now())
    with open_database() as database, database.read() as session:
        for product in all_products(session, limit=limit, now=now):
            titles = product.title
            table.add_row(
                *map(
                    _cell, (product.product_id, titles.get(own) or next(iter(titles.values()), ""))
                ),
                _cell(product.category or "-"),
                f"{product.price} {product.currency or ''}" if product.price is not None else "-",
                str(product.was_price or "-"),
                str(product.lowest_price_30_days or "-"),
                "yes" if product.in_stock else "no",
                ", ".join(sorted(titles)),
            )
    print_table(table, empty="There are no products: starter.py products import FILE")


@products.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
def changes(limit: int) -> None:
    """List the newest news of products: back in stock, a price that dropped, and who was told.

    Times are shop time, in UTC.

    Example: starter.py products changes --limit 5
    """
    from sqlalchemy import select

    from sekvens.products.tables import ProductChange

    table = make_table("product", "what", "price", "lowest before", "since", "told")
    newest = select(ProductChange).order_by(ProductChange.id.desc()).limit(limit)
    with open_database() as database, database.read() as session:
        for row in session.scalars(newest):
            told = f"{row.contacts:,}" + ("" if row.told_at else ", and on")
            prices = (row.price or "-", row.lowest_price or "-")
            table.add_row(_cell(row.product_id), row.kind, *prices, minute(row.at), told)
    print_table(table, empty="Nothing has been news of a product yet.")


@products.command()
@click.argument("one")
@click.argument("other")
def pair(one: str, other: str) -> None:
    """Say that the products ONE and OTHER go together; e-mails name such before all others.

    Example: starter.py products pair tumvantarna-doris mossan-bengt
    """
    from sekvens.clock import SystemClock
    from sekvens.products import picks

    with open_database() as database, database.write() as session:
        is_new = picks.pair(session, one, other, now=SystemClock().now())
    click.echo("paired" if is_new else "they were paired already")


@products.command()
@click.argument("one")
@click.argument("other")
def unpair(one: str, other: str) -> None:
    """Take back that ONE and OTHER go together.

    Example: starter.py products unpair tumvantarna-doris mossan-bengt
    """
    from sekvens.products import picks

    with open_database() as database, database.write() as session:
        was_paired = picks.unpair(session, one, other)
    click.echo("unpaired" if was_paired else "they were not paired")


@products.group()
def drop() -> None:
    """Announce what goes on sale, and when.

    Example: starter.py products drop list
    """


@drop.command("add")
@click.option("--opens", required=True, help="When it goes on sale: 2026-12-01T09:00.")
@click.option("--early-access", help="When it opens for subscribers.")
@click.option("--product", help="The product that it is; else it needs a title and an address.")
@click.option("--title", multiple=True, help="Its title in a locale: sv=Julkoftan.")
@click.option("--text", multiple=True, help="What there is to say, in a locale: sv=Bara tolv.")
@click.option("--url", help="Where it is to be had. Default: the product's address.")
def add(
    *,
    opens: str,
    early_access: str | None,
    product: str | None,
    title: tuple[str, ...],
    text: tuple[str, ...],
    url: str | None,
) -> None:
    """Announce a drop. A time without a zone is in the shop's own.

    Example: starter.py products drop add --product koftan-ljusnan --opens 2026-12-01T09:00
    """
    from sekvens.products import picks
    from sekvens.settings import load_settings

    settings = load_settings()
    with open_database() as database, database.write() as session:
        drop_id = picks.add_drop(
            session,
            opens_on=_instant(settings, opens),
            early_access_on=_instant(settings, early_access) if early_access else None,
            product_id=product,
            titles=_by_locale(settings, title),
            texts=_by_locale(settings, text),
            url=_address(url),
        )
    click.echo(f"{drop_id} is announced")


@drop.command("list")
def list_drops() -> None:
    """List the drops that are still to come.

    Times are shop time, in UTC.

    Example: starter.py products drop list
    """
    from sekvens.clock import SystemClock
    from sekvens.products.queries import drops
    from sekvens.settings import load_settings

    now = load_settings().shop_time().at(SystemClock().now())
    table = make_table("id", "title", "product", "for subscribers", "opens", "address")
    with open_database() as database, database.read() as session:
        for found in drops(session, now=now, limit=1_000):
            table.add_row(
                found.drop_id,
                _cell(next(iter(found.title.values()), "-")),
                _cell(found.product_id or "-"),
                minute(found.early_access_on),
                minute(found.opens_on),
                _cell(found.url or "-"),
            )
    print_table(table, empty="There is no drop to come.")


@drop.command("remove")
@click.argument("drop_id")
def remove(drop_id: str) -> None:
    """Take the drop DROP_ID back.

    Example: starter.py products drop remove d-3k7qa2mzv6x4n5bp
    """
    from sekvens.products import picks

    with open_database() as database, database.write() as session:
        picks.remove_drop(session, drop_id)
    click.echo("removed")


def _cell(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text))


def _locale(settings: "Settings", given: str | None) -> str:
    locale = given or settings.shop.default_locale
    if locale not in settings.shop.locales:
        raise click.UsageError(
            f"the shop does not write in {locale!r}, but in {', '.join(settings.shop.locales)}"
        )
    return locale


def _by_locale(settings: "Settings", given: "Sequence[str]") -> "Mapping[str, str]":
    texts = {}
    for one in given:
        locale, sign, text = one.partition("=")
        if not sign or not text.strip():
            raise click.UsageError(f"{one!r} has no locale: write it like sv=Julkoftan")
        texts[_locale(settings, locale)] = text.strip()
    return texts


def _instant(settings: "Settings", given: str) -> datetime:
    from zoneinfo import ZoneInfo

    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise click.UsageError(f"{given!r} is no time like 2026-12-01T09:00") from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(settings.shop.timezone))


def _address(given: str | None) -> str | None:
    from sekvens.imports.values import is_web_address

    if given is not None and not is_web_address(given):
        raise click.UsageError(f"{given!r} is no address that begins with https://")
    return given
