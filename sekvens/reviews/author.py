"""What a review's author is called in public: a first name and an initial at the most."""

import re
from typing import Final

_NAME: Final = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*")  # noqa: RUF001  as people write it
NAME_LENGTH_MAX: Final = 40


def author_name(given: str) -> str:
    """Shorten a name, `Karin Svensson` to `Karin S.`; nothing for an address or no name at all."""
    if "@" in given:
        return ""
    # What follows a comma is where somebody lives, which is nobody's business.
    names = _NAME.findall(given.partition(",")[0])
    if not names or len(names[0]) > NAME_LENGTH_MAX:
        return ""
    return names[0] if len(names) == 1 else f"{names[0]} {names[-1][0].upper()}."
