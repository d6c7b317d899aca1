"""Colours that can be read: both palettes of an e-mail, made from the shop's accent colour.

Every text has a contrast of at least 4.5 to its ground (WCAG AA), in light and in dark, whatever
colour a shop has chosen: one that is too pale is darkened, one that is too dark is lightened.
"""

import colorsys
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache

from sekvens.errors import SettingsError

CONTRAST_MIN = 4.5

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours by their part; `$paper` in the style sheet stands for `paper`."""

    paper: str = "#fffdfa"
    ground: str = "#f5f0e8"
    ink: str = "#2a2520"
    faint: str = "#6b6157"
    line: str = "#e6ddd0"
    accent: str
    on_accent: str = "#ffffff"
    night_paper: str = "#211d19"
    night_ground: str = "#191613"
    night_ink: str = "#efe8df"
    night_faint: str = "#b5a99b"
    night_line: str = "#40382f"
    night_accent: str
    night_on_accent: str = "#211d19"

    def items(self) -> Iterator[tuple[str, str]]:
        """Tell name and colour, longer names first: none is taken for another's beginning."""
        yield from sorted(asdict(self).items(), key=lambda item: -len(item[0]))


@lru_cache(maxsize=64)
def palette(accent: str) -> Palette:
    """Make both palettes from an accent colour, `#rrggbb`.

    Raises:
        SettingsError: that is no colour.
    """
    if not _HEX.fullmatch(accent):
        raise SettingsError(f"shop.colour is {accent!r}: write it as #rrggbb, such as #7a3b1d")
    # Accents stand on paper and on ground, and carry text: the ground is harder by day, the paper
    # by night.
    return Palette(
        accent=_readable(accent, on=Palette.ground, lightness_step=-0.02),
        night_accent=_readable(accent, on=Palette.night_paper, lightness_step=0.02),
    )


def contrast(one: str, other: str) -> float:
    """Tell the contrast of two colours as WCAG defines it, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _readable(colour: str, *, on: str, lightness_step: float) -> str:
    """Move a colour's lightness, and only that, until it can be read."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_rgb(colour))
    while contrast(colour, on) < CONTRAST_MIN:  # black or white at the latest can be read
        lightness = min(1.0, max(0.0, lightness + lightness_step))
        colour = _hex(colorsys.hls_to_rgb(hue, lightness, saturation))
    return colour


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in _rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(rgb: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in rgb)
