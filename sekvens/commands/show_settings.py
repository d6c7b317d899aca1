"""`settings`: what the settings come to, without their secrets."""

import json
from collections.abc import Iterator
from typing import Any

import click


@click.command()
@click.argument("section", default="")
def settings(section: str) -> None:
    """Show what the settings come to: the file, the environment, and the defaults.

    SECTION is a part of them, such as `metrics` or `metrics.targets`. Secrets are left out.

    Example: starter.py settings metrics.targets
    """
    from sekvens.errors import SettingsError
    from sekvens.settings import load_settings

    wanted = section.split(".") if section else []
    found = [
        (path, said) for path, said in _lines(load_settings()) if path[: len(wanted)] == wanted
    ]
    if not found:
        raise SettingsError(f"there is nothing in the settings called {section!r}")
    for path, said in found:
        click.echo(f"{'.'.join(path)} = {said}")


def _lines(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[list[str], str]]:
    """List every value below one, with where it stands; a secret that is set is `…`."""
    import msgspec

    from sekvens.sections import SECRETS

    if path and path[-1] in SECRETS and value:
        yield list(path), "…"
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _lines(getattr(value, name), (*path, name))
    elif isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _lines(each, (*path, str(name)))
    else:
        yield list(path), json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
