"""`init`: asks for the brand facts and writes the settings file, secrets apart from it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sekvens.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class _Question:
    """One fact that is asked for: where it stands in the file, and how it is asked."""

    section: str
    key: str
    text: str
    check: str = r".+"  #: what an answer looks like
    hint: str = "it must not be empty"
    number: bool = False


_ADDRESS = r"[^@\s]+@[^@\s]+\.[^@\s]+"
_ADDRESS_HINT = "it must be one address, like maja@shop.se"
_URL = r"https?://\S+"
_URL_HINT = "it must begin with https://"
_QUESTIONS = (
    _Question(section="shop", key="name", text="The shop's name, as customers say it"),
    _Question(section="shop", key="legal_name", text="Its legal name"),
    _Question(section="shop", key="organisation_number", text="Its organisation number"),
    _Question(section="shop", key="postal_address", text="Its postal address, on one line"),
    _Question(
        section="shop", key="founded", text="The year it was founded", number=True,
        check=r"\d{4}", hint="it must be a year, like 1987",
    ),
    _Question(
        section="shop", key="currency", text="The currency it sells in",
        check=r"[A-Z]{3}", hint="it must be three letters, like SEK",
    ),
    _Question(
        section="shop", key="timezone", text="Its time zone",
        check=r"[A-Za-z_]+(/[A-Za-z_+\-0-9]+)*", hint="it must be a name like Europe/Stockholm",
    ),
    _Question(
        section="shop.sender", key="address", text="The address that e-mails come from",
        check=_ADDRESS, hint=_ADDRESS_HINT
    ),
    _Question(
        section="shop.sender", key="reply_to", text="The address that answers go to",
        check=_ADDRESS, hint=_ADDRESS_HINT,
    ),
    _Question(
        section="shop.links", key="home", text="The shop's web address", check=_URL, hint=_URL_HINT
    ),
    _Question(
        section="shop.links", key="cart",
        text="The address that restores a cart, with {cart_id} in it",
        check=r"https?://\S*\{cart_id\}\S*", hint="it must be an address with {cart_id} in it",
    ),
    _Question(
        section="shop.links", key="returns", text="The page on returns", check=_URL, hint=_URL_HINT
    ),
    _Question(
        section="shop.links", key="contact", text="The contact page", check=_URL, hint=_URL_HINT
    ),
    _Question(
        section="shop.links", key="privacy", text="The page on privacy", check=_URL, hint=_URL_HINT
    ),
)  # fmt: skip


@click.command()
@click.option("--defaults", is_flag=True, help="Ask nothing: take the sample shop's facts.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("sekvens.toml"),
    show_default=True,
)
@click.option(
    "--secrets",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("var/secrets.env"),
    show_default=True,
    help="Where the new write key and link secret go; never into the settings file.",
)
def init(path: Path, secrets: Path, *, defaults: bool, force: bool) -> None:
    """Ask for the shop's brand facts and write sekvens.toml, with the sample shop's as defaults.

    Longer texts (story, guarantee, questions and answers, …) stay the sample shop's: edit them in
    the file.

    Example: starter.py init --defaults
    """
    from sekvens.settings import SAMPLE_SHOP, load_settings

    if path.exists() and not force:
        raise SettingsError(f"{path} is there already: use --force to overwrite it")
    text = SAMPLE_SHOP.read_text(encoding="utf-8")
    if not defaults:
        text = _answered(text, tomllib.loads(text))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    load_settings({"SEKVENS_SETTINGS": str(path)})  # what we write, we can read
    click.echo(f"{path} is written: the shop's texts are in it, to be made your own.")
    if secrets.exists():
        # A new secret would break the unsubscribe link of every e-mail that has been sent.
        click.echo(f"{secrets} is there already and stays as it is. In each shell: . {secrets}")
        return
    _write_secrets(secrets)
    click.echo(f"{secrets} holds a write key and the secret of links. In each shell: . {secrets}")


def set_value(text: str, section: str, key: str, value: str | int) -> str:
    """Replace one value in a TOML text, and nothing else: comments and order stay.

    Raises:
        SettingsError: the text has no such key in such a section.
    """
    written = str(value) if isinstance(value, int) else _quoted(value)
    lines, current = text.splitlines(keepends=True), ""
    for index, line in enumerate(lines):
        heading = re.fullmatch(r"\[([\w.]+)\]\s*", line)
        current = heading[1] if heading else current
        if line.startswith("[["):
            current = ""
        if current == section and re.match(rf"{key}\s*=", line):
            lines[index] = f"{key} = {written}\n"
            return "".join(lines)
    raise SettingsError(f"the sample settings have no {section}.{key}")


def _answered(text: str, sample: Mapping[str, Any]) -> str:
    click.echo("Enter takes the sample shop's answer, in brackets.\n")
    for question in _QUESTIONS:
        default: Any = sample
        for part in (*question.section.split("."), question.key):
            default = default[part]
        answer = click.prompt(question.text, default=str(default), value_proc=_checked(question))
        value = int(answer) if question.number else answer
        text = set_value(text, question.section, question.key, value)
    return text


def _checked(question: _Question) -> Any:
    from sekvens.sections import is_timezone

    def check(answer: str) -> str:
        answer = answer.strip()
        is_answer = re.fullmatch(question.check, answer)
        if not is_answer or (question.key == "timezone" and not is_timezone(answer)):
            raise click.BadParameter(question.hint)
        return answer

    return check


def _quoted(value: str) -> str:
    # JSON's escapes are TOML's, for one-line strings.
    import json

    return json.dumps(value, ensure_ascii=False)


def _write_secrets(path: Path) -> None:
    from sekvens.demo.services import new_link_secret, new_write_key

    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(
        f"export SEKVENS_API__WRITE_KEYS='{new_write_key()}'\n"
        f"export SEKVENS_API__LINK_SECRET='{new_link_secret()}'\n",
        encoding="utf-8",
    )
