"""`migrate`: the database's schema."""

import os

import click

from sekvens import fault_points
from sekvens.commands.resources import open_database


@click.command()
def migrate() -> None:
    """Create the tables, or bring them up to date. Harmless when they are.

    Example: starter.py migrate
    """
    from sekvens.db.migrate import upgrade

    fault_points.switch_on(os.environ)
    with open_database() as database:
        upgrade(database)
        url = database.engine.url.render_as_string(hide_password=True)
    click.echo(f"{url} is up to date.")
