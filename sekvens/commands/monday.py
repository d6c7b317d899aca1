"""`monday`: the staff's Monday mail, shown or sent now."""

import click

from sekvens.commands.resources import open_database


@click.command()
@click.option("--to", "name", help="Of this account alone, whether it gets one each Monday or not.")
@click.option("--show", is_flag=True, help="Print the text part, and send nothing.")
def monday(name: str | None, *, show: bool) -> None:
    """Send last week's Monday mail now, to those of the staff who get one and have not yet.

    A worker does so each Monday at 07:00 by the shop's clock. Nobody gets one week's twice, not
    even when nobody knows whether SES took it. Who gets it: `starter.py staff write-to`.

    Example: starter.py monday --to doris --show
    """
    from sekvens.clock import SystemClock
    from sekvens.ses.client import SesClient
    from sekvens.settings import load_settings
    from sekvens.staff import accounts
    from sekvens.staff.monday.posting import MondayPost

    settings = load_settings()
    settings.shop_time()  # refuses quick days unless SES is local
    with open_database() as database:
        with database.read() as session:
            member = accounts.named(session, name) if name else None
        ses = SesClient(settings.ses)
        post = MondayPost(settings=settings, database=database, ses=ses, clock=SystemClock())
        if show:
            letter, _, text = post.written(member)
            click.echo(f"{letter.subject}\n({letter.preheader})\n\n{text}")
            return
        if member is not None and (member.email is None or member.disabled_at is not None):
            raise accounts.StaffRefused(
                f"{member.name} has no address, or may not log in any more: "
                f"`starter.py staff write-to {member.name} --email …`"
            )
        click.echo(post.send(name).sentence)
