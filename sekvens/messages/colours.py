"""Colours that can be read: both palettes of an e-mail, made from the shop's accent colour.

Every text has a contrast of at least 4.5 to its ground (WCAG AA), in light and in dark, whatever
colour a shop has chosen: one that is too pale is darkened, one that is too dark is lightened.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache

from sekvens.errors import SettingsError

CONTRAST_MIN = 4.5

_Rgb = tuple[float, float, float]
_WHITE, _BLACK = (255.0, 255.0, 255.0), (0.0, 0.0, 0.0)
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
    day, night = Palette.ground, Palette.night_line
    return Palette(
        accent=_mixed_until_readable(accent, _BLACK, ground=day),
        night_accent=_mixed_until_readable(accent, _WHITE, ground=night),
    )


def contrast(one: str, other: str) -> float:
    """Tell the contrast of two colours as WCAG defines it, from 1 to 21."""
    lighter, darker = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _mixed_until_readable(colour: str, towards: _Rgb, *, ground: str) -> str:
    for share in range(0, 101, 4):
        mixed = _hex(_mixed(_rgb(colour), towards, share / 100))
        if contrast(mixed, ground) >= CONTRAST_MIN:
            return mixed
    return _hex(towards)


def _mixed(one: _Rgb, other: _Rgb, share: float) -> _Rgb:
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(rgb: _Rgb) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in rgb)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(colour: str) -> _Rgb:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def _hex(rgb: _Rgb) -> str:
    return "#" + "".join(f"{round(channel):02x}" for channel in rgb)
