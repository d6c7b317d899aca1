"""`offers`: how the offers stand, codes for their pools, and who has used them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sekvens.commands.importing import opened_with_progress, print_outcome
from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_console, make_table, minute, print_table, printable
from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from sekvens.offers.queries import Standing
    from sekvens.shop import Offer, Shop

#: More than any shop hands to its checkout at once; a typing error would fill the disk.
COUNT_MAX = 1_000_000


class UnknownOffer(SekvensError):
    """The settings have no such offer."""


class NoPool(SekvensError):
    """The offer has no use for a pool of codes."""


@click.group()
def offers() -> None:
    """List offers, fill their pools of codes, and see who has used them.

    Example: starter.py offers list
    """


@offers.command("list")
def list_() -> None:
    """List each offer with its codes left, claims and redemptions.

    A pool that is empty, or lasts less than a week at the last week's pace, is pointed out: an
    e-mail without a code is not sent, its enrollment is parked.

    Example: starter.py offers list
    """
    from sekvens.clock import SystemClock
    from sekvens.offers.queries import codes_left, standings
    from sekvens.settings import load_settings

    settings = load_settings()
    now = settings.shop_time().at(SystemClock().now())
    with open_database() as database, database.read() as session:
        known = standings(session, now=now)
    table = make_table("offer", "gives", "its code", "left", "claimed", "redeemed", "remark")
    for name in sorted({*settings.shop.offers, *known}):
        offer, standing = settings.shop.offers.get(name), known.get(name)
        left = codes_left(offer, standing)
        table.add_row(
            name,
            offer.kind if offer else "-",
            _source(name, settings.shop, standing),
            "-" if left is None else str(left),
            str(standing.claimed if standing else 0),
            str(standing.redeemed if standing else 0),
            _remark(name, offer, standing),
        )
    print_table(table, empty="The settings have no offer.")


@offers.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--column", help="The CSV's column that holds the codes. Default: code.")
def import_(name: str, file: Path, column: str | None) -> None:
    """Import codes for the offer NAME from FILE: one a line, or a CSV with a header.

    The same file twice changes nothing. Lines that hold no code, or one that stands above, are
    counted, and the others are imported. From then on the offer gives imported codes only. Retry
    the enrollments that were parked for want of them.

    Example: starter.py offers import welcome codes.csv
    """
    from sekvens.offers.importing import import_codes, read_codes

    _offer_of_codes(name)
    with open_database() as database, opened_with_progress(file) as opened:
        imported = import_codes(database, read_codes(opened, column=column), offer=name)
    print_outcome(imported, what="codes")


@offers.command()
@click.argument("name")
@click.option("--count", type=click.IntRange(1, COUNT_MAX), required=True, help="How many.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A new file."
)
@click.option("--pattern", help="Such as DORIS-{6}. Default: the offer's, or NAME-{6}.")
def generate(name: str, count: int, out: Path, pattern: str | None) -> None:
    """Generate codes for the offer NAME into a file, to be handed to the shop's checkout.

    From then on the offer gives these codes only, so hand them over before the next e-mail.

    Example: starter.py offers generate welcome --count 5000 --out codes.txt
    """
    from rich.progress import Progress

    from sekvens.offers.importing import generate_codes
    from sekvens.offers.patterns import pattern_problem

    pattern = pattern or _offer_of_codes(name).pattern or f"{name.upper()}-{{6}}"
    problem = pattern_problem(pattern)
    if problem:
        raise click.BadParameter(problem, param_hint="--pattern")
    console = make_console()
    with (
        open_database() as database,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        bar = progress.add_task("Generating", total=count)
        for done in generate_codes(database, out, offer=name, pattern=pattern, count=count):
            progress.update(bar, completed=done)
    console.print(f"{count} codes are in {out} and in the pool of {name}", markup=False)


@offers.command()
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
def redeemed(name: str | None, limit: int) -> None:
    """List the newest orders that carried a code, of the offer NAME or of all.

    Example: starter.py offers redeemed welcome
    """
    from rich.markup import escape

    from sekvens.offers.queries import redemptions

    table = make_table("redeemed", "offer", "order", "contact", "promised to them")
    with open_database() as database, database.read() as session:
        found = redemptions(session, offer=name, limit=limit)
        if name and not found:  # one that has left the settings may still have redemptions
            _known_offer(name)
        for row in found:
            table.add_row(
                minute(row.redeemed_at),
                escape(row.offer),
                escape(printable(row.order_id)),
                row.contact_id,
                "yes" if row.claim_id else "no",
            )
    print_table(table, empty="Nothing has been redeemed yet.")


def _known_offer(name: str) -> "Offer":
    from sekvens.settings import load_settings

    offers = load_settings().shop.offers
    if name not in offers:
        raise UnknownOffer(f"the settings have no offer {name!r}; there are {', '.join(offers)}")
    return offers[name]


def _offer_of_codes(name: str) -> "Offer":
    offer = _known_offer(name)
    if not (offer.pool or offer.pattern):
        raise NoPool(
            f"shop.offers.{name} gives no codes of contacts' own: set pool = true or pattern there"
        )
    return offer


def _source(name: str, shop: "Shop", standing: "Standing | None") -> str:
    from sekvens.offers.queries import GivenBy, given_by

    if name not in shop.offers:
        return "-"
    by, code = given_by(name, shop, standing)
    if by is GivenBy.REFERRAL:
        return f"each contact's own, {code}"
    return "from the pool" if by is GivenBy.POOL else code or "none"


def _remark(name: str, offer: "Offer | None", standing: "Standing | None") -> str:
    from sekvens.offers.queries import codes_left

    if offer is None:
        return "not in the settings any more"
    if codes_left(offer, standing) == 0:
        return f"[red]empty: its e-mails are parked. starter.py offers import {name} FILE[/red]"
    if standing is not None and standing.is_short and standing.lasts is not None:
        return f"[red]lasts {standing.lasts.days} days at the last week's pace[/red]"
    return ""
