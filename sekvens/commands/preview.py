"""`preview`: an e-mail as it will look, on the screen, in a file, or in your own inbox."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sekvens.errors import TemplateError

if TYPE_CHECKING:
    from sekvens.messages.compose import Composed
    from sekvens.settings import Settings


@click.command()
@click.argument("template", required=False)
@click.option("--locale", help="Such as sv; default: the shop's own.")
@click.option("--text", "as_text", is_flag=True, help="Print the text part (the default).")
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the HTML part to this file.",
)
@click.option("--open", "in_browser", is_flag=True, help="Open the HTML part in the browser.")
@click.option(
    "--all", "is_gallery", is_flag=True, help="Write one page with every e-mail, side by side."
)
@click.option(
    "--out",
    "gallery_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("var/emails.html"),
    show_default=True,
    help="The file for --all.",
)
@click.option("--watch", is_flag=True, help="Serve every e-mail here, and show each saved file.")
@click.option("--port", default=8035, show_default=True, help="The port of 127.0.0.1 for --watch.")
@click.option(
    "--file",
    "draft",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Look at this file in place of TEMPLATE's own source; it is composed apart, under limits.",
)
@click.option("--without-feeds", is_flag=True, help="Look at it as it is when no feed answers.")
@click.option("--season", help="Look at the variant for a season, such as black-week.")
@click.option("--send-to", metavar="ADDRESS", help="Send it there as a test, through SES.")
def preview(  # noqa: PLR0913  one for each option
    template: str | None,
    locale: str | None,
    html_file: Path | None,
    gallery_file: Path,
    draft: Path | None,
    season: str | None,
    send_to: str | None,
    port: int,
    *,
    as_text: bool,
    is_gallery: bool,
    watch: bool,
    in_browser: bool,
    without_feeds: bool,
) -> None:
    """Look at an e-mail with a made-up contact in it. TEMPLATE is `<flow>/<step>`.

    Example: starter.py preview welcome/hello --locale en --open
    """
    from sekvens.settings import load_settings

    settings = load_settings()
    if locale and locale not in settings.shop.locales:
        known = ", ".join(settings.shop.locales)
        raise click.BadParameter(f"the shop writes in {known}", param_hint="--locale")
    if is_gallery or watch:
        if template:
            raise click.UsageError("--all and --watch show every e-mail: leave the name out")
        _show_all(gallery_file, settings, port=port if watch else None, in_browser=in_browser)
        return
    if not template:
        raise click.UsageError(f"name an e-mail, or give --all or --watch. {email_choice('')}")
    locale = locale or settings.shop.default_locale
    composed = (
        _compose_draft(draft, template, locale, settings, without_feeds=without_feeds)
        if draft
        else compose_sample(template, locale, settings, season=season, without_feeds=without_feeds)
    )
    if html_file:
        html_file.write_text(composed.html, encoding="utf-8")
        click.echo(f"{html_file} is written.")
    if in_browser:
        _open(composed.html)
    if send_to:
        _send(composed, send_to, settings)
    if as_text or not (html_file or in_browser or send_to):
        click.echo(f"Subject: {composed.subject}\nPreheader: {composed.preheader}\n")
        click.echo(composed.text, nl=False)


def _names() -> list[str]:
    from sekvens.messages.templates import template_names

    return template_names()


def email_choice(name: str) -> str:
    """Name the e-mails of the flow that was meant, or else the flows: all e-mails fill a screen."""
    flow = name.partition("/")[0]
    of_flow = [known for known in _names() if known.startswith(f"{flow}/")]
    if of_flow:
        return f"The e-mails of {flow} are {', '.join(of_flow)}"
    flows = dict.fromkeys(known.partition("/")[0] for known in _names())
    return f"It is `<flow>/<step>`, and these flows have e-mails: {', '.join(flows)}"


def compose_sample(
    name: str,
    locale: str,
    settings: "Settings",
    *,
    season: str | None = None,
    without_feeds: bool = False,
) -> "Composed":
    """Compose an e-mail for a made-up contact; raises TemplateError."""
    from sekvens.clock import SystemClock
    from sekvens.feeds.reading import samples
    from sekvens.messages.compose import compose
    from sekvens.messages.feeding import check_feeds
    from sekvens.messages.needs import needs
    from sekvens.messages.samples import in_season, sample_facts
    from sekvens.messages.templates import read_sources, stored

    if name not in _names():
        raise TemplateError(f"there is no e-mail {name!r}. {email_choice(name)}")
    template = stored(read_sources(name))
    shop, now = in_season(settings.shop, season, now=SystemClock().now())
    public_url = settings.api.public_url
    asks = needs(template)  # reads every locale and season: a fault in one of them is found too
    check_feeds(name, asks, settings.feeds)
    feeds = {} if without_feeds else samples(settings.feeds)
    facts = sample_facts(
        shop, name=name, locale=locale, now=now, public_url=public_url, feeds=feeds
    )
    if asks.feeds:
        compose(template, replace(facts, feeds={}), shop=shop)  # its other words, likewise
    return compose(template, facts, shop=shop)


def _compose_draft(
    draft: Path, name: str, locale: str, settings: "Settings", *, without_feeds: bool
) -> "Composed":
    """Compose a source that nobody has checked in: in a limited process."""
    from sekvens.clock import SystemClock
    from sekvens.feeds.reading import samples
    from sekvens.messages.foreign import compose_foreign
    from sekvens.messages.samples import sample_facts
    from sekvens.messages.templates import TemplateSource, read_layout, stored

    sources = {locale: draft.read_text(encoding="utf-8", errors="replace")}
    template = stored(TemplateSource(name=name, sources=sources, layout=read_layout()))
    now, public_url = SystemClock().now(), settings.api.public_url
    facts = sample_facts(
        settings.shop,
        name=name,
        locale=locale,
        now=now,
        public_url=public_url,
        feeds={} if without_feeds else samples(settings.feeds),
    )
    return compose_foreign(template, facts, shop=settings.shop)


def _show_all(file: Path, settings: "Settings", *, port: int | None, in_browser: bool) -> None:
    """Show every e-mail: served at a port, or else written to a file."""
    if port is not None:
        from sekvens.commands.preview_watch import serve

        serve(settings, port=port, in_browser=in_browser)
        return
    _write_gallery(file, settings)
    if in_browser:
        click.launch(file.resolve().as_uri())


def _write_gallery(file: Path, settings: "Settings") -> None:
    from sekvens.clock import SystemClock
    from sekvens.feeds.reading import samples
    from sekvens.messages.gallery import gallery

    page = gallery(
        settings.shop,
        now=SystemClock().now(),
        public_url=settings.api.public_url,
        feeds=samples(settings.feeds),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, encoding="utf-8")
    click.echo(f"{file} is written: {len(page) / 1e6:.1f} MB, to be opened in a browser.")


def _open(html: str) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".html", delete=False, encoding="utf-8") as file:
        file.write(html)
    click.launch(Path(file.name).as_uri())


def _send(composed: "Composed", address: str, settings: "Settings") -> None:
    from sekvens.messages.trial import recipient_of, send_test

    recipient = recipient_of(address, settings)
    click.echo(f"SES took it as {send_test(composed, recipient, settings)}.")
