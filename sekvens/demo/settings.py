"""The sample shop's settings for services on this machine: its pictures are served by their API.

A demo differs in two things: the dashboard says what of it is real, and the codes of birthdays are
those of a pool, which runs dry, so that somebody waits for a person.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sekvens.demo.products import PICTURES_PATH
from sekvens.demo.services import Site
from sekvens.settings import SAMPLE_SHOP

#: Where the sample shop's settings say that its pictures are.
PICTURES_HOME = "https://post.hallgrensylle.example"


#: The one offer whose codes run dry in the demo: no lot decides who is to get it.
DRY_OFFER: Final = "birthday"
_PATTERN: Final = 'pattern = "TISDAG-{6}"'
_NOTE: Final = """
[dashboard.note]
sv = '''En demo. Beställningarnas dagar och belopp är verkliga (CDNOW, 1997; åtta kronor för en
dollar). Namnen, butiken, varorna, korgarna, klicken och svaren är påhittade. Ett dygn går på några
sekunder i butiken. Personalens och maskinernas tider är din egen klockas.'''
en = '''A demo. The days and sums of orders are real (CDNOW, 1997; eight kronor to the dollar). The
names, the shop, its goods, the carts, clicks and answers are made up. A day of the shop passes in a
few seconds. Times of the staff and of machines are those of your own clock.'''
"""


def write_settings(
    site: Site, environ: Mapping[str, str], *, with_story: bool = False
) -> dict[str, str]:
    """Write the sample shop's settings with pictures that load here; tell what names the file.

    Whoever has settings of their own keeps them: nothing is written.
    """
    if environ.get("SEKVENS_SETTINGS") or Path("sekvens.toml").exists():
        return {}
    text = SAMPLE_SHOP.read_text(encoding="utf-8")
    served = text.replace(f"{PICTURES_HOME}{PICTURES_PATH}", f"{site.api_url}{PICTURES_PATH}")
    if with_story:
        served = served.replace(_PATTERN, "pool = true") + _NOTE
    file = site.data / "sekvens.toml"
    file.write_text(served, encoding="utf-8")
    return {"SEKVENS_SETTINGS": str(file)}
