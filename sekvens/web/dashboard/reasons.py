"""Words of the facts as people read them: reasons, states, in the language of a page."""

from typing import Final

from sekvens.messages.verdicts import why_held
from sekvens.web.dashboard.words import Words

_HELD: Final = why_held("")


class Reasons:
    """Says what the database has as one word; what nobody has named is told as it is."""

    def __init__(self, language: str) -> None:
        self._words = Words("reasons", language)

    def __call__(self, kind: str, name: str | None) -> str:
        """Say a word of a kind (`skip`, `exit`, `fate`, `consent`, …); nothing for none."""
        if not name:
            return ""
        said = self._words.of(kind, name)
        return said.replace("_", " ") if said == name else said

    def waits(self, why: str | None, *, in_doubt: bool) -> str:
        """Say what a message waits for, by what its row notes; None: nothing yet."""
        if in_doubt or not why:
            return self._words("waits_in_doubt" if in_doubt else "waits_about_to_be_tried")
        return self("hold", why.removeprefix(_HELD))
