"""The sample shop's settings for services on this machine: its pictures are served by their API."""

from collections.abc import Mapping
from pathlib import Path

from sekvens.demo.products import PICTURES_PATH
from sekvens.demo.services import Site
from sekvens.settings import SAMPLE_SHOP

#: Where the sample shop's settings say that its pictures are.
PICTURES_HOME = "https://post.hallgrensylle.example"


def write_settings(site: Site, environ: Mapping[str, str]) -> dict[str, str]:
    """Write the sample shop's settings with pictures that load here; tell what names the file.

    Whoever has settings of their own keeps them: nothing is written.
    """
    if environ.get("SEKVENS_SETTINGS") or Path("sekvens.toml").exists():
        return {}
    text = SAMPLE_SHOP.read_text(encoding="utf-8")
    served = text.replace(f"{PICTURES_HOME}{PICTURES_PATH}", f"{site.api_url}{PICTURES_PATH}")
    file = site.data / "sekvens.toml"
    file.write_text(served, encoding="utf-8")
    return {"SEKVENS_SETTINGS": str(file)}
