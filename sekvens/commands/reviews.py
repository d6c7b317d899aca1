"""`reviews`: what customers wrote, read by somebody before anybody else sees it."""

from pathlib import Path

import click

from sekvens.commands.importing import opened_with_progress, print_outcome
from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_table, minute, print_table, printable


@click.group()
def reviews() -> None:
    """Import, read, approve and reject reviews; only approved ones stand in e-mails.

    Example: starter.py reviews list --pending
    """


@reviews.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--approved", is_flag=True, help="They have been read where they come from: show them at once."
)
def import_(file: Path, *, approved: bool) -> None:
    """Import reviews from FILE, a CSV: product_id, author, rating, text, locale, date.

    The exports of Judge.me, Loox and Yotpo are read as they are. The same file twice changes
    nothing. Rows that cannot be used are listed, and the others are imported.

    Example: starter.py reviews import judgeme.csv
    """
    from sekvens.clock import SystemClock
    from sekvens.products.queries import known_ids
    from sekvens.reviews.importing import import_reviews, read_reviews

    with open_database() as database, opened_with_progress(file) as opened:
        with database.read() as session:
            known = known_ids(session)
        found = read_reviews(opened, known=known, now=SystemClock().now())
        imported = import_reviews(database, found, approved=approved)
    print_outcome(imported, what="reviews")


@reviews.command("list")
@click.option("--pending", is_flag=True, help="Those that nobody has read yet.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
def list_(*, pending: bool, limit: int) -> None:
    """List reviews, the oldest first.

    Example: starter.py reviews list --pending
    """
    from rich.markup import escape

    from sekvens.reviews.queries import listed
    from sekvens.reviews.tables import ReviewState

    states = [ReviewState.PENDING] if pending else list(ReviewState)
    table = make_table("id", "state", "product", "rating", "author", "bought it", "written", "text")
    with open_database() as database, database.read() as session:
        for state, review in listed(session, states=states, limit=limit):
            table.add_row(
                *(escape(printable(text)) for text in (review.review_id, state, review.product_id)),
                str(review.rating),
                escape(printable(review.author)) or "-",
                "yes" if review.verified else "not known",
                minute(review.written_on),
                escape(printable(review.text.replace("\n", " "))),
            )
    print_table(table, empty="No review waits to be read." if pending else "There is no review.")


@reviews.command()
@click.argument("review_id", nargs=-1, required=True)
def approve(review_id: tuple[str, ...]) -> None:
    """Let the reviews REVIEW_ID … stand in e-mails.

    Example: starter.py reviews approve 4711 4712
    """
    click.echo(f"{_moderate(review_id, 'approved')} approved")


@reviews.command()
@click.argument("review_id", nargs=-1, required=True)
def reject(review_id: tuple[str, ...]) -> None:
    """Keep the reviews REVIEW_ID … out of e-mails.

    Example: starter.py reviews reject 4713
    """
    click.echo(f"{_moderate(review_id, 'rejected')} rejected")


def _moderate(review_ids: tuple[str, ...], state: str) -> int:
    from sekvens.clock import SystemClock
    from sekvens.reviews.moderation import moderate
    from sekvens.reviews.tables import ReviewState

    with open_database() as database, database.write() as session:
        return moderate(session, review_ids, state=ReviewState(state), now=SystemClock().now())
