"""Pages that show e-mails: their pictures and e-mails lie in them, and each is told its scheme."""

import base64
import json
import mimetypes
import re
from collections.abc import Iterable, Mapping

from markupsafe import Markup

from sekvens.messages.sample_products import PICTURES_PATH, SAMPLE_SHOP

_NIGHT = re.compile(r"@media\s*\(prefers-color-scheme:\s*dark\)")
_PICTURE = re.compile(rf"https?://[^\"\s]*{PICTURES_PATH}/([\w.-]+)")


def pictures_in(mails: Iterable[str]) -> list[str]:
    """Name the sample shop's pictures that e-mails show."""
    return sorted({name for html in mails for name in _PICTURE.findall(html)})


def without_pictures(html: str) -> str:
    """Write `picture:<name>` for each address of a picture: the page has each of them once."""
    return _PICTURE.sub(r"picture:\1", html)


def picture(name: str) -> str:
    """Put a picture into the page; one that is not there stays a broken picture."""
    file = SAMPLE_SHOP / "pictures" / name
    if not file.exists():
        return ""
    kind = mimetypes.guess_type(file.name)[0] or "image/png"
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"


def as_script(values: Mapping[str, str]) -> Markup:
    """Write JSON that can stand in a script: nothing in it ends the script."""
    text = json.dumps(values, ensure_ascii=False).replace("<", "\\u003c")
    return Markup(text)  # noqa: S704  no tag is left in it


def in_scheme(html: str, *, is_dark: bool) -> str:
    """Write an e-mail as it looks by day or by night, whatever the reader's own scheme is."""
    media, scheme = ("all", "dark") if is_dark else ("not all", "light")
    told = _NIGHT.sub(f"@media {media}", html)
    return told.replace("color-scheme: light dark", f"color-scheme: {scheme}")
