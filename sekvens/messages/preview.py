"""Look at an e-mail while writing it: `python -m sekvens.messages.preview welcome/hello sv`.

Without a locale it comes in the shop's first; `--html FILE` also writes the HTML part. Nothing is
sent, and the facts in it are the sample shop's.
"""

import argparse
import sys
from pathlib import Path

from sekvens.clock import SystemClock
from sekvens.errors import SekvensError
from sekvens.messages.compose import Composed, compose
from sekvens.messages.samples import sample_facts
from sekvens.messages.templates import read_sources, stored
from sekvens.settings import load_settings


def main() -> int:
    """Print one e-mail."""
    parser = argparse.ArgumentParser(description="Look at an e-mail while writing it.")
    parser.add_argument("name", help="flow and step, such as welcome/hello")
    parser.add_argument("locale", nargs="?", help="such as sv; default: the shop's own")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the HTML part there")
    arguments = parser.parse_args()
    try:
        composed = preview(arguments.name, arguments.locale)
    except SekvensError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if arguments.html:
        arguments.html.write_text(composed.html, encoding="utf-8")
    sys.stdout.write(f"{composed.subject}\n({composed.preheader})\n\n{composed.text}")
    return 0


def preview(name: str, locale: str | None = None) -> Composed:
    """Compose an e-mail from its files, with sample facts.

    Raises:
        TemplateError: it cannot be composed.
    """
    shop = load_settings().shop
    facts = sample_facts(
        shop, name=name, locale=locale or shop.default_locale, now=SystemClock().now()
    )
    return compose(stored(read_sources(name)), facts, shop=shop)


if __name__ == "__main__":
    sys.exit(main())
