"""The section of the settings file about feeds: where each is, what it may be told, what it tells.

A feed that could tell a stranger who a contact is, or that cannot work, is refused when the
settings are read.
"""

import re
from string import Formatter
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from sekvens.sections import SecretSection, is_local

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PATH: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,9}")
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")

#: What shipped e-mails speak of: a shop that has no such feed gets their other words.
SHIPPED: Final = frozenset({"weather"})
#: How a trait is written into the URL: in tenths of a degree, as a whole number, or as it stands
#: if it is short and has letters, digits, `-` and `_` only.
TraitKind = Literal["coordinate", "number", "token"]
FieldKind = Literal["number", "text", "link", "weather_code"]


class FieldSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that an e-mail may say of a feed's answer."""

    #: where it stands in the JSON: keys and positions (from 0) with dots: `daily.weather_code.0`
    at: str
    kind: FieldKind

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.at):
            raise ValueError("a field's at is keys and positions with dots: daily.weather_code.0")


class FeedSettings(SecretSection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A source outside that is asked when an e-mail is composed."""

    #: what is asked, with `{trait}` where a contact's trait stands; it may hold a key of the shop's
    url: str
    #: the hosts that it is asked at, and that its links may lead to
    hosts: tuple[str, ...]
    #: the contact's traits that it is told, each with its kind; no others
    traits: dict[str, TraitKind] = msgspec.field(default_factory=dict)
    #: what an e-mail may say of its answer, by names of the shop's own
    fields: dict[str, FieldSettings]
    #: an answer as it sends them, in JSON: previews and checks go by it
    sample: str
    #: all of one question and its answer takes no longer
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=5)] = 2.0
    #: a longer answer is not read
    bytes_max: Annotated[int, msgspec.Meta(ge=1, le=1_048_576)] = 65_536
    #: an answer is kept for so long, in the memory of each worker
    cache_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 60
    #: whether its name may lead into a private network
    allow_private: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)  # not quoted anywhere: there may be a key in it
        if not (parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc):
            raise ValueError("a feed's url must begin with https:// and a host")
        if parts.scheme == "http" and not is_local(self.url):
            raise ValueError("a feed's url must begin with https://, unless it is this machine")
        if parts.hostname not in self.hosts or not all(map(_HOST.fullmatch, self.hosts)):
            raise ValueError("a feed's hosts are names in small letters, its url's among them")
        if "{" in parts.netloc or _placeholders(self.url) != self.traits.keys():
            raise ValueError(
                "a feed's url has a {trait} behind its host for each of its traits, and no other"
            )
        if not self.fields or not all(map(_NAME.fullmatch, self.fields)):
            raise ValueError("a feed has fields, named in small letters: high_today")

    @property
    def host(self) -> str:
        """Tell whom it asks."""
        return urlsplit(self.url).hostname or ""


def _placeholders(url: str) -> set[str]:
    try:
        found = [part[1:] for part in Formatter().parse(url) if part[1] is not None]
    except ValueError:
        raise ValueError("a feed's url has a brace too many or too few") from None
    if any(form or conversion for _, form, conversion in found):
        raise ValueError("a feed's url names traits plainly: {latitude}")
    return {str(name) for name, *_ in found}
