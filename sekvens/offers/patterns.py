"""How codes are written: searched for in any case, and made up by a pattern."""

import re
import secrets
from typing import Final

#: Read aloud and typed from paper: nothing that looks like something else (0 and O, 1, I and L),
#: and no vowels, which make words, some of them rude.
ALPHABET: Final = "23456789BCDFGHJKMNPQRSTVWXZ"
#: Fewer could be guessed: a stranger would soon have tried them all at the checkout.
COMBINATIONS_MIN: Final = 10**6
#: Some checkouts take no more.
CODE_CHARACTERS_MAX: Final = 50

_PATTERN = re.compile(r"([A-Za-z0-9_-]*)\{(\d{1,2})\}([A-Za-z0-9_-]*)")


def key_of(code: str) -> str:
    """Write a code as it is searched for: people type it in any case, with a space around it."""
    return code.strip().casefold()


def is_writable(code: str) -> bool:
    """Tell whether a code could be typed at a checkout: one word, and not too long."""
    return (
        bool(code) and code.isprintable() and len(code) <= CODE_CHARACTERS_MAX and " " not in code
    )


def pattern_problem(pattern: str) -> str | None:
    """Tell what is wrong with a pattern such as `DORIS-{6}`; None if nothing is."""
    parts = _PATTERN.fullmatch(pattern)
    if parts is None:
        return "it must have one {n} for n random characters among letters, digits, - and _"
    count = int(parts[2])
    if len(ALPHABET) ** count < COMBINATIONS_MIN:
        return f"{len(ALPHABET) ** count} codes could be guessed; write {{5}} or more"
    if len(parts[1]) + count + len(parts[3]) > CODE_CHARACTERS_MAX:
        return f"a code has at most {CODE_CHARACTERS_MAX} characters"
    return None


def write_code(pattern: str) -> str:
    """Make up a code by a pattern that has no problem."""
    parts = _PATTERN.fullmatch(pattern)
    if parts is None:
        raise ValueError(f"{pattern!r} is no pattern: {pattern_problem(pattern)}")
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(int(parts[2])))
    return f"{parts[1]}{drawn}{parts[3]}"
