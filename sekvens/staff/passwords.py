"""Passwords: kept as scrypt, from the standard library, and compared in constant time.

A password is never logged nor told; what is wrong with one is told by rule, not by quoting it.
"""

import base64
import hashlib
import hmac
import secrets
import threading
from typing import Final

from sekvens.errors import SekvensError

#: 32 MiB and about 80 ms: OWASP's figure for scrypt with p=3 would be n=2^15 as well.
_N, _R, _P = 2**15, 8, 3
_MEMORY_MAX: Final = 64 * 1024 * 1024
_SALT_BYTES, _HASH_BYTES = 16, 32

CHARACTERS_MIN: Final = 12
#: Nobody types more; hashing a megabyte would be somebody else's CPU.
CHARACTERS_MAX: Final = 256

#: So many are hashed at once: each takes 32 MiB.
_AT_ONCE: Final = threading.BoundedSemaphore(2)


class PasswordRefused(SekvensError):
    """The password cannot be used."""


def check_password(password: str, *, name: str) -> None:
    """Refuse a password that could be guessed.

    Raises:
        PasswordRefused: it is too short, too long, or holds the name.
    """
    if not CHARACTERS_MIN <= len(password) <= CHARACTERS_MAX:
        raise PasswordRefused(
            f"a password has {CHARACTERS_MIN} to {CHARACTERS_MAX} characters; a sentence is good"
        )
    if name.casefold() in password.casefold() or len(set(password)) < 5:
        raise PasswordRefused("a password has neither the name in it nor the same few characters")


def hashed(password: str) -> str:
    """Hash a password with a salt of its own."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(password, salt, _N, _R, _P)
    return "$".join(("scrypt", str(_N), str(_R), str(_P), _text(salt), _text(digest)))


def fits(password: str, kept: str) -> bool:
    """Tell whether this is the password whose hash was kept, in a time that tells nothing."""
    _, n, r, p, salt, digest = kept.split("$")
    made = _scrypt(password[:CHARACTERS_MAX], base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(made, base64.b64decode(digest))


#: For a name that nobody has: hashing takes as long as for one that somebody has.
NOBODYS: Final = "$".join(
    ("scrypt", str(_N), str(_R), str(_P), "AAAAAAAAAAAAAAAAAAAAAA==", "A" * 43 + "=")
)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    given = password.encode("utf-8", "replace")
    with _AT_ONCE:
        return hashlib.scrypt(
            given, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY_MAX, dklen=_HASH_BYTES
        )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
