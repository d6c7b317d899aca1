"""What a feed tells: whole numbers, short texts and links, each marked as coming from outside.

The marks are kept all the way into an e-mail, where a text of a feed never becomes a part of a
link, and a link of a feed is one as it stands or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


class FeedText(str):
    """A text that a feed told: one printable line, nothing in it that a mail program would link."""

    __slots__ = ()


class FeedLink(str):
    """A link that a feed told, to a host that the settings allow it."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class WeatherCode:
    """A code of the weather that `weather` has words for."""

    code: int


Value: TypeAlias = int | FeedText | FeedLink | WeatherCode


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The fields that a feed's answer had, each of its kind; what did not fit is not among them."""

    values: Mapping[str, Value]
    #: made up for whoever looks at an e-mail: what is wrong with the e-mail is then an error
    is_sample: bool = False
