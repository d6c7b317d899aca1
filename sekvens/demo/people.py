"""Who the demo's contacts are: invented names and reserved addresses, in two languages.

Nobody here exists: `example.com` is reserved by RFC 2606 and never receives mail.
"""

import unicodedata
from dataclasses import dataclass

SWEDISH = (
    "Elsa Lindqvist, Gustav Åberg, Saga Nyström, Nils Wallin, Ebba Söderlund, Karin Hedman, "
    "Olle Forsberg, Tuva Bergström, Viggo Dahl, Ingrid Ekman, Axel Norén, Märta Sjögren, "
    "Hugo Lund, Alma Hellström, Sixten Björk, Astrid Engström, Love Wikström, Britta Nordin, "
    "Sture Åkesson, Freja Holm, Kerstin Östberg, Melker Ström, Greta Falk, Anders Rask, "
    "Siv Hallin, Lova Thorén, Per Källström, Tyra Blom, Folke Arvidsson, Signe Lööv"
)
ENGLISH = (
    "Ada Whitfield, Owen Marsh, Priya Nair, Callum Reid, Maeve Doyle, Theo Ashcroft, "
    "Hannah Osei, Jude Pemberton, Rosa Delgado, Wilf Barker, Nora Quinn, Sam Okafor, "
    "Ivy Thornton, Leo Castellano, Beth Harlow, Kofi Mensah, Grace Lin, Angus Muir, "
    "Zoe Hartley, Dev Kapoor, Ruth Ellery, Finn Gallagher, Una Pryce, Ned Ashworth, "
    "Cleo Marlow"
)
#: They fill a cart and never buy; the data set, which is of purchases, knows nobody like them.
SWEDISH_LOOKERS = (
    "Asta Renström, Bo Hedlund, Disa Kvist, Ivar Rosén, Hedda Modin, Tore Skoog, Vera Ahlin"
)
ENGLISH_LOOKERS = (
    "Isla Fenwick, Tom Adeyemi, Clara Hobbs, Max Rourke, Edie Calder, Amir Shah, Joan Purcell"
)
#: They come when the first weeks are over.
SWEDISH_LATER = (
    "Maj Sandell, Arvid Lilja, Svea Högberg, Einar Palm, Rut Edström, Valter Norgren, "
    "Ellen Bodin, Sigge Malm, Moa Tallberg, Ragnar Frisk, Tilda Åström, Knut Hagberg, "
    "Vendela Roos, Albin Sahlin, Gun Lövgren"
)
ENGLISH_LATER = (
    "Esme Radcliffe, Rory Tennant, Leila Haddad, Ben Cartwright, Orla Keane, Felix Yarrow, "
    "Mina Kaur, Hal Prescott, Tess Wetherby, Jonah Abara, Phoebe Lund, Rex Holloway, "
    "Ines Carvalho, Gil Tranter, Wren Maddox"
)
#: locale and time zone; the Swedish shop's Swedish speakers live in Finland too
SWEDISH_PLACES = (
    ("sv-SE", "Europe/Stockholm", "SE"),
    ("sv-SE", "Europe/Stockholm", "SE"),
    ("sv-FI", "Europe/Helsinki", "FI"),
)
ENGLISH_PLACES = (
    ("en-GB", "Europe/London", "GB"),
    ("en-US", "America/New_York", "US"),
    ("en-GB", "Europe/London", "GB"),
    ("en-AU", "Australia/Sydney", "AU"),
)


@dataclass(frozen=True, kw_only=True)
class Person:
    """One invented person."""

    first_name: str
    last_name: str
    email: str
    locale: str
    timezone: str
    country: str


def invent_people() -> list[Person]:
    """Invent ninety-nine people, Swedish and English speakers by turns, each with an address."""
    return (
        _by_turns(SWEDISH, ENGLISH)
        + _by_turns(SWEDISH_LOOKERS, ENGLISH_LOOKERS)
        + _by_turns(SWEDISH_LATER, ENGLISH_LATER)
    )


def _by_turns(swedish_names: str, english_names: str) -> list[Person]:
    swedish = [_person(name, SWEDISH_PLACES, i) for i, name in enumerate(swedish_names.split(", "))]
    english = [_person(name, ENGLISH_PLACES, i) for i, name in enumerate(english_names.split(", "))]
    by_turns = [person for pair in zip(swedish, english, strict=False) for person in pair]
    return by_turns + swedish[len(english) :]


def _person(name: str, places: tuple[tuple[str, str, str], ...], index: int) -> Person:
    first_name, last_name = name.split(" ")
    locale, timezone, country = places[index % len(places)]
    return Person(
        first_name=first_name,
        last_name=last_name,
        email=f"{_ascii(first_name)}.{_ascii(last_name)}@example.com",
        locale=locale,
        timezone=timezone,
        country=country,
    )


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
