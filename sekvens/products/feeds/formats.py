"""Which format a feed has, told by its content, and its products."""

import csv
from collections.abc import Iterator
from enum import StrEnum
from typing import BinaryIO

from sekvens.imports.outcome import Rejected, UnreadableFile
from sekvens.imports.rows import DELIMITERS, header_name, opened_text, read_rows, read_unquoted_rows
from sekvens.products.feeds import merchant, shopify
from sekvens.products.feeds.item import FeedItem, without_repeats
from sekvens.products.feeds.merchant_xml import read_xml

#: The header is looked for in so many characters.
HEAD_CHARACTERS = 65_536


class Format(StrEnum):
    """A format that feeds come in."""

    MERCHANT_XML = "merchant-xml"  #: Google Merchant Center, RSS 2.0 or Atom
    MERCHANT_TSV = "merchant-tsv"  #: Google Merchant Center, separated by tabs
    SHOPIFY_CSV = "shopify-csv"  #: Shopify's product export


def detect(file: BinaryIO) -> Format:
    """Tell a feed's format; the file is read from where it stands, and must be opened anew.

    Raises:
        UnreadableFile: it is none of the formats that we know.
    """
    with opened_text(file) as text:
        head = text.read(HEAD_CHARACTERS).lstrip()
    if head.startswith("<"):
        return Format.MERCHANT_XML
    first = head.split("\n", 1)[0].rstrip("\r")
    delimiter = max(DELIMITERS, key=first.count)
    names = {header_name(name) for name in next(csv.reader([first], delimiter=delimiter), [])}
    if names & set(shopify.HANDLE) and "title" in names:
        return Format.SHOPIFY_CSV
    if {"id", "title"} <= names and delimiter == "\t":
        return Format.MERCHANT_TSV
    raise UnreadableFile(
        "the file is none of the feeds that we know: Google Merchant Center's XML or TSV, or "
        "Shopify's product CSV; `--format` says which one it is meant to be"
    )


def read_feed(
    file: BinaryIO, feed: Format, *, home: str, currency: str
) -> Iterator[FeedItem | Rejected]:
    """Read a feed's products as a stream.

    Raises:
        UnreadableFile: it is broken, or not of this format.
    """
    match feed:
        case Format.MERCHANT_XML:
            items = merchant.items_of(read_xml(file))
        case Format.MERCHANT_TSV:
            items = merchant.items_of(merchant.with_lists(read_unquoted_rows(file)))
        case Format.SHOPIFY_CSV:
            items = shopify.items_of(read_rows(file), home=home, currency=currency)
    return without_repeats(items)
