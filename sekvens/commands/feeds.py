"""`feeds`: the sources outside that e-mails speak of, and what one tells for a contact."""

import click

from sekvens.errors import SekvensError


class NoSuchFeed(SekvensError):
    """The settings have no feed of this name."""


@click.group()
def feeds() -> None:
    """List the feeds that e-mails may speak of, and try one for a contact.

    Example: starter.py feeds list
    """


@feeds.command("list")
def list_() -> None:
    """List the feeds of the settings: whom each asks, what it is told, what an e-mail may say.

    Example: starter.py feeds list
    """
    from sekvens.commands.tables import make_console, make_table
    from sekvens.feeds.reading import faults
    from sekvens.settings import load_settings

    settings = load_settings().feeds
    console = make_console()
    if not settings:
        console.print("The settings have no feeds: docs/how-to/feeds.md says how to add one.")
        return
    table = make_table("feed", "asks", "is told the traits", "tells", "within", "kept for")
    for name, feed in settings.items():
        table.add_row(
            name,
            feed.host,
            ", ".join(f"{trait} ({kind})" for trait, kind in feed.traits.items()) or "none",
            ", ".join(f"{field} ({told.kind})" for field, told in feed.fields.items()),
            f"{feed.timeout_seconds:g} s",
            f"{feed.cache_minutes} min",
        )
    console.print(table)
    for fault in faults(settings):
        click.echo(fault, err=True)


@feeds.command("try")
@click.argument("name")
@click.option("--contact", required=True, help="Our id (c-…), the shop's user id or the address.")
def try_(name: str, contact: str) -> None:
    """Ask the feed NAME for a contact, now, and show what an e-mail would say of it.

    It asks as the worker does, but keeps nothing. What stands on the screen is a contact's, and in
    no log; of the URL it shows the host and the traits alone, since it may hold a key.

    Example: starter.py feeds try weather --contact customer-00004
    """
    from sekvens.commands.resources import find_contact, open_database
    from sekvens.feeds.asking import questions, told
    from sekvens.feeds.fetching import FeedFailed
    from sekvens.feeds.trying import try_feed
    from sekvens.settings import load_settings

    settings = load_settings()
    feed = settings.feeds.get(name)
    if feed is None:
        known = ", ".join(settings.feeds) or "none"
        raise NoSuchFeed(f"the settings have no feed {name!r}; they have {known}")
    with open_database() as database, database.read() as session:
        traits = dict(find_contact(session, contact).traits)
    said = told(feed, traits)
    if said is None:
        wanted = ", ".join(f"{trait} ({kind})" for trait, kind in feed.traits.items())
        click.echo(f"Nothing is asked: the contact lacks one of {wanted}, or it does not fit.")
        click.echo("The e-mail has its other words.")
        return
    what = "".join(f" {trait}={value}" for trait, value in said.items())
    click.echo(f"Asks {feed.host}{what and ':'}{what}")
    try:
        lines = try_feed(
            feed, questions(settings.feeds, [name], traits)[name], settings.shop.locales
        )
    except FeedFailed as failed:
        click.echo(f"It tells nothing ({failed}). The e-mail has its other words.")
        return
    for line in lines:
        click.echo(line)
