"""What a contact agrees to, word for word: the wording in use, and the version of it."""

from typing import Final, overload

from sekvens.consent_section import ConsentSettings

#: In use until the settings name one; its version changes whenever a word of it does.
BUILT_IN_VERSION: Final = "sekvens-1"
_BUILT_IN: Final = {
    "sv": "Ja, skriv till mig med e-post om nytt i butiken och erbjudanden. Jag kan säga nej när "
    "som helst, med en länk i varje brev.",
    "en": "Yes, write to me by e-mail about what is new in the shop and about offers. I may say no "
    "at any time, by a link in every letter.",
}


@overload
def agreed_to(consent: ConsentSettings, language: str) -> dict[str, str]: ...


@overload
def agreed_to(
    consent: ConsentSettings, language: str, *, version: str | None
) -> dict[str, str] | None: ...


def agreed_to(
    consent: ConsentSettings, language: str, *, version: str | None = None
) -> dict[str, str] | None:
    """Tell what is kept as evidence of somebody who agrees to a wording, in their language.

    Without a version it is the one in use; None: there is no such version.
    """
    version = version or consent.wording or BUILT_IN_VERSION
    written = _BUILT_IN if version == BUILT_IN_VERSION else consent.wordings.get(version)
    if not written:
        return None
    by_language = {locale.split("-")[0].lower(): text for locale, text in written.items()}
    text = by_language.get(language) or next(iter(by_language.values()))
    return {"wording": text, "wording_version": version}
