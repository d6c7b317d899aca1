"""`answers`: what contacts answered to the questions of e-mails."""

from datetime import timedelta

import click

from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_console, make_table, minute, printable


@click.command()
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True)
@click.option("--words", is_flag=True, help="What they wrote in their own words, the newest first.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
def answers(*, days: int, words: bool, limit: int) -> None:
    """Count the answers to the questions of e-mails; scales from 0 to 10 with their score.

    The score is that of promoters (9 and 10) less that of detractors (0 to 6), of a hundred.
    Somebody's own words are personal data: they are shown with `--words` only.

    Example: starter.py answers --days 30 --words
    """
    from rich.markup import escape

    from sekvens.answers.queries import tallies, written
    from sekvens.clock import SystemClock
    from sekvens.settings import load_settings

    since = load_settings().shop_time().at(SystemClock().now()) - timedelta(days=days)
    console = make_console()
    with open_database() as database, database.read() as session:
        table = make_table("question", "answers", "score", "of which")
        for tally in tallies(session, since=since):
            of_which = "  ".join(f"{value}: {n}" for value, n in tally.counts.items() if n)
            score = "-" if tally.score is None else f"{tally.score:+d}"
            table.add_row(tally.question, f"{tally.total:,}", score, of_which or "-")
        console.print(table)
        if words:
            table = make_table("when", "contact", "question", "answer", "in their own words")
            for one in written(session, since=since, limit=limit):
                said = (one.contact_id, one.question, one.answer, one.words.replace("\n", " "))
                table.add_row(minute(one.at), *(escape(printable(text)) for text in said))
            console.print(table)
