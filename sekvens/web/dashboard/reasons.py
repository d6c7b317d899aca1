"""Words of the facts as people read them: reasons, states, in the language of a page."""

from sekvens.web.dashboard.words import Words


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
