"""Google Merchant Center's XML, RSS 2.0 and Atom, read as a stream.

A feed that declares entities is refused, and nothing outside the file is ever opened: an entity
can make a small file fill a machine's memory, or put the machine's own files into a product.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final
from xml.parsers import expat

from sekvens.imports.outcome import UnreadableFile
from sekvens.imports.rows import Row
from sekvens.products.feeds.merchant import ATTRIBUTES

CHUNK_BYTES: Final = 65_536
#: No attribute is longer; what follows is left out.
VALUE_LENGTH_MAX: Final = 20_000
#: Deeper than any feed; an endless nesting would fill the memory.
DEPTH_MAX: Final = 100
VALUES_MAX: Final = 500

_ATOM: Final = "http://www.w3.org/2005/Atom"
_GOOGLE: Final = ("http://base.google.com/ns/1.0", "http://base.google.com/cns/1.0")
_ITEMS: Final = ("item", f"{_ATOM} entry")
#: How Atom calls what Merchant Center calls otherwise.
_ATOM_NAMES: Final = {"summary": "description", "content": "description"}


def read_xml(file: BinaryIO) -> Iterator[Row]:
    """Read a feed's items, each with the line that it begins on.

    Raises:
        UnreadableFile: it is no well-formed XML, or it declares entities; or it is no feed.
    """
    reader = _Reader()
    try:
        while chunk := file.read(CHUNK_BYTES):
            reader.parser.Parse(chunk)
            yield from reader.take()
        reader.parser.Parse(b"", True)  # noqa: FBT003  it takes no names
    except (expat.ExpatError, ValueError, LookupError) as error:
        # An encoding that Python lacks, or one of several bytes, is a ValueError or LookupError.
        line = reader.parser.CurrentLineNumber
        why = expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else "encoding"
        raise UnreadableFile(
            f"the feed is no well-formed XML from line {line} on ({why}): what stands before was "
            "read; mend it and import the file again"
        ) from None
    yield from reader.take()
    if not reader.has_root:
        raise UnreadableFile(
            "the file is no feed: it has neither <rss> nor <feed> around its items"
        )


class _Reader:
    """Collects the attributes of one item at a time."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._refuse
        self.parser.ExternalEntityRefHandler = self._refuse
        self.has_root = False
        self._done: list[Row] = []
        self._depth = 0
        self._item_depth = 0  #: 0: outside every item
        self._line = 0
        self._values: dict[str, list[str]] = {}
        self._name: str | None = None
        self._text_parts: list[str] = []
        self._length = 0
        self._parts: list[str] = []  #: of a `product_detail`, which has elements of its own

    def take(self) -> Iterator[Row]:
        """Hand over the items read so far."""
        done, self._done = self._done, []
        yield from done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise UnreadableFile("the feed's elements are nested too deep to be a feed")
        if self._depth == 1:
            self.has_root = name.rsplit(" ", 1)[-1] in ("rss", "feed", "RDF")
        if not self._item_depth:
            if name in _ITEMS or name.endswith(" item"):
                self._item_depth, self._line = self._depth, self.parser.CurrentLineNumber
                self._values = {}
            return
        level = self._depth - self._item_depth
        if level == 1:
            self._name = _attribute(name)
            self._text_parts, self._parts, self._length = [], [], 0
            if self._name == "link" and attributes.get("rel", "alternate") == "alternate":
                self._text_parts = [attributes.get("href", "")]
        elif level == 2 and self._name == "product_detail":
            self._text_parts = []

    def _end(self, _name: str) -> None:
        level = self._depth - self._item_depth if self._item_depth else -1
        if level == 0:
            self._done.append(Row(line=self._line, values=self._values))
            self._item_depth = 0
        elif level == 2 and self._name == "product_detail":
            self._parts.append("".join(self._text_parts).strip())
        elif level == 1 and self._name:
            whole = ":".join(self._parts) if self._parts else "".join(self._text_parts)
            values = self._values.setdefault(self._name, [])
            if whole.strip() and len(values) < VALUES_MAX:
                values.append(whole.strip()[:VALUE_LENGTH_MAX])
            self._name = None
        self._depth -= 1

    def _text(self, text: str) -> None:
        if self._name and self._length < VALUE_LENGTH_MAX:
            self._text_parts.append(text)
            self._length += len(text)

    def _refuse(self, *_: Any) -> int:
        raise UnreadableFile(
            f"the feed declares entities of its own on line {self.parser.CurrentLineNumber}, which "
            "are refused: they can be made to fill the memory or to read other files"
        )


def _attribute(name: str) -> str | None:
    """Tell which attribute an element gives; None if we do not read it."""
    namespace, _, local = name.rpartition(" ")
    if namespace and namespace not in (*_GOOGLE, _ATOM):
        return None
    local = _ATOM_NAMES.get(local, local) if namespace == _ATOM else local
    return local if local in ATTRIBUTES else None
