"""The footer's live part: links to the preferences and to the e-mail in a browser.

It is put into the finished parts and is no part of the layout, which is pinned with each template:
so it stands below every e-mail from now on, whenever that was published, as the legal facts do.
"""

from dataclasses import dataclass
from typing import Final

from markupsafe import escape

_CONTENT_INFO: Final = 'role="contentinfo"'
_PARAGRAPH_ENDS: Final = "</p>"


@dataclass(frozen=True, kw_only=True)
class _Words:
    """What the links say, in one language."""

    preferences: str
    view: str
    why_confirm: str


_WORDS: Final = {
    "sv": _Words(
        preferences="Välj vad du vill få",
        view="Läs i webbläsaren",
        why_confirm="Du får det här brevet för att någon, förmodligen du, har skrivit in din "
        "adress hos {shop}.",
    ),
    "en": _Words(
        preferences="Choose what you get",
        view="Read in a browser",
        why_confirm="You get this letter because somebody, probably you, entered your address at "
        "{shop}.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Footer:
    """The live links below one e-mail; what is None is not there."""

    locale: str
    preferences_url: str | None = None
    view_url: str | None = None
    is_confirmation: bool = False

    def why(self) -> str | None:
        """Say why an e-mail came that belongs to no order; None: the layout says it rightly."""
        return self._words.why_confirm if self.is_confirmation else None

    def into_html(self, html: str) -> str:
        """Put the links behind the footer's first paragraph; without a footer, at the very end."""
        links = [
            f'<a href="{escape(url)}" class="small-link">{escape(text)}</a>'
            for text, url in self._links()
        ]
        if not links:
            return html
        paragraph = f'<p class="small">{" &nbsp; ".join(links)}</p>'
        footer = html.find(_CONTENT_INFO)
        place = html.find(_PARAGRAPH_ENDS, footer) + len(_PARAGRAPH_ENDS) if footer >= 0 else -1
        if footer < 0 or place < len(_PARAGRAPH_ENDS):
            place = html.rfind("</body>")
        if place < 0:
            return html + paragraph
        return f"{html[:place]}\n{paragraph}{html[place:]}"

    def into_text(self, text: str) -> str:
        """Put the links below everything."""
        return text + "".join(f"{what}: {url}\n" for what, url in self._links())

    @property
    def _words(self) -> _Words:
        return _WORDS.get(self.locale.split("-")[0].lower(), _WORDS["en"])

    def _links(self) -> list[tuple[str, str]]:
        words = self._words
        both = ((words.preferences, self.preferences_url), (words.view, self.view_url))
        return [(text, url) for text, url in both if url is not None]
