"""Words of the facts as people read them: reasons, states, in the language of a page."""

from typing import Final

from sekvens.messages.verdicts import why_held
from sekvens.messages.why_words import NOTE
from sekvens.web.dashboard.sentences import Sentences
from sekvens.web.dashboard.words import Words

_HELD: Final = why_held("")


class Reasons:
    """Says what the database has as one word; what nobody has named is told as it is."""

    def __init__(self, language: str) -> None:
        self._words = Words("reasons", language)
        #: says what the facts have as a sentence
        self.sentence = Sentences(language, self)

    def __call__(self, kind: str, name: str | None) -> str:
        """Say a word of a kind (`skip`, `exit`, `fate`, `consent`, …); nothing for none."""
        if not name:
            return ""
        if kind == NOTE:
            return self.sentence.plain(name)
        said = self._words.of(kind, name)
        return self.sentence.said(name) or said.replace("_", " ") if said == name else said

    def who(self, name: str) -> str:
        """Name who did something: somebody of the staff as they are called, or a part of ours."""
        return self._words.of("by", name)

    def source(self, name: str) -> str:
        """Say by which way something came to us: a way of ours, or what the shop calls its own."""
        said = self._words.of("source", name)
        return self.sentence.said(name) or name if said == name else said

    def waits(self, why: str | None, *, in_doubt: bool) -> str:
        """Say what a message waits for, by what its row notes; None: nothing yet."""
        if in_doubt or not why:
            return self._words("waits_in_doubt" if in_doubt else "waits_about_to_be_tried")
        if why.startswith(_HELD):
            return self("hold", why.removeprefix(_HELD))
        return self.sentence(why)
