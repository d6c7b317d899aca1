"""Words for the weather codes of Open-Meteo: the WMO's code table 4677, as far as it uses it.

Source: https://open-meteo.com/en/docs, "WMO Weather interpretation codes (WW)". The words are ours:
they stand in the middle of a sentence, and say no more than a letter needs.
"""

from collections.abc import Mapping
from typing import Final

from sekvens.shop import Localized

WEATHER_WORDS: Final[Mapping[int, Localized]] = {
    code: {"sv": sv, "en": en}
    for code, sv, en in (
        (0, "klart", "clear sky"),
        (1, "mest klart", "mostly clear"),
        (2, "halvklart", "partly cloudy"),
        (3, "mulet", "overcast"),
        (45, "dimma", "fog"),
        (48, "dimma med rimfrost", "freezing fog"),
        (51, "lätt duggregn", "light drizzle"),
        (53, "duggregn", "drizzle"),
        (55, "tätt duggregn", "dense drizzle"),
        (56, "lätt underkylt duggregn", "light freezing drizzle"),
        (57, "underkylt duggregn", "freezing drizzle"),
        (61, "lätt regn", "light rain"),
        (63, "regn", "rain"),
        (65, "kraftigt regn", "heavy rain"),
        (66, "lätt underkylt regn", "light freezing rain"),
        (67, "underkylt regn", "freezing rain"),
        (71, "lätt snöfall", "light snow"),
        (73, "snöfall", "snow"),
        (75, "kraftigt snöfall", "heavy snow"),
        (77, "kornsnö", "snow grains"),
        (80, "lätta regnskurar", "light showers"),
        (81, "regnskurar", "showers"),
        (82, "skyfall", "violent showers"),
        (85, "lätta snöbyar", "light snow showers"),
        (86, "kraftiga snöbyar", "heavy snow showers"),
        (95, "åska", "thunder"),
        (96, "åska med lätt hagel", "thunder with light hail"),
        (99, "åska med kraftigt hagel", "thunder with heavy hail"),
    )
}
