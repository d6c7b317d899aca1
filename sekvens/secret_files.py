"""Secrets from files: `<key>_file` names a file that holds what `<key>` would.

So a secret need stand neither in the settings file nor in the environment, which child processes
and crash reports carry along. No message quotes what such a file holds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sekvens.errors import SettingsError

SUFFIX = "_file"
#: Longer is no secret; and `/dev/zero` has no end.
CHARACTERS_MAX = 64 * 1024

#: Keys that hold several secrets; in a file each has a line of its own.
_SEVERAL = frozenset({"write_keys", "link_secret"})


def with_secret_files(table: Mapping[str, Any], *, where: str = "") -> dict[str, Any]:
    """Put what the files hold where their names stand, in a table and the tables in it.

    Raises:
        SettingsError: a file cannot be used, or a secret is given twice; the message names the key.
    """
    read: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{where}{key}"
        if isinstance(value, Mapping):
            read[key] = with_secret_files(value, where=f"{name}.")
        elif key.endswith(SUFFIX) and key != SUFFIX and isinstance(value, str):
            wanted = key.removesuffix(SUFFIX)
            if wanted in table:
                raise SettingsError(f"{where}{wanted} and {name} are both set: set one of them")
            read[wanted] = secret_of(Path(value), key=wanted, name=name)
        else:
            read[key] = value
    return read


def secret_of(path: Path, *, key: str, name: str) -> str:
    """Read a secret; where several may stand they come back separated by commas, oldest first.

    Raises:
        SettingsError: the file cannot be read, is empty, or holds more than it should.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(CHARACTERS_MAX + 1)
    except OSError as error:
        raise SettingsError(f"{name}: {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: {path} is no UTF-8 text") from None
    except ValueError:  # a path with a NUL in it
        raise SettingsError(f"{name} names no file") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or len(text) > CHARACTERS_MAX:
        raise SettingsError(f"{name}: {path} is empty, or far too long for a secret")
    if len(lines) > 1 and key not in _SEVERAL:
        raise SettingsError(f"{name}: {path} has several lines, and one is expected")
    return ",".join(lines)
