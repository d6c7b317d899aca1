"""Which encoding a text file is in, told by its bytes, for files that come out of anything.

UTF-16 and UTF-8 are recognised by their marks or by what they look like; what is neither is what
Windows writes in Western Europe. A few bad bytes do not turn a file of UTF-8 into another one.
"""

import codecs
from typing import BinaryIO, Final

#: Bytes of one look: enough that a file of gigabytes is read in moments.
PIECE: Final = 1 << 20
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WINDOWS: Final = "cp1252"


def detect_encoding(file: BinaryIO) -> str:
    """Tell a file's encoding; afterwards the file stands at its beginning."""
    head = file.read(4)
    file.seek(0)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if len(head) == 4 and not head[1] and not head[3] and head[0] and head[2]:
        return "utf-16-le"
    if len(head) == 4 and not head[0] and not head[2] and head[1] and head[3]:
        return "utf-16-be"
    good, bad = _characters(file)
    file.seek(0)
    return WINDOWS if bad > good else "utf-8"


def _characters(file: BinaryIO) -> tuple[int, int]:
    """Count the characters outside ASCII that are UTF-8, and the bytes that are not."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    good = bad = 0
    while piece := file.read(PIECE):
        text = decoder.decode(piece)
        if not text.isascii():
            wrong = text.count("\ufffd")
            bad += wrong
            good += sum(not character.isascii() for character in text) - wrong
    return good, bad + len(decoder.decode(b"", final=True))
