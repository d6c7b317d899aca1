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
        is_ours = upgrade(database)
        url = database.engine.url.render_as_string(hide_password=True)
    said = "is up to date." if is_ours else "is newer than this version, and stays as it is."
    click.echo(f"{url} {said}")
