"""Feeds of Google Merchant Center and Shopify, read: what is a product, and why a row is none."""

import itertools
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekvens.imports.outcome import Rejected, UnreadableFile
from sekvens.products.feeds.formats import Format, detect, read_feed
from sekvens.products.feeds.item import FeedItem

RSS = (
    '<?xml version="1.0"?>\n<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">'
    "<channel><title>Ylle</title>\n%s</channel></rss>"
)
ITEM = (
    "<item><g:id>{id}</g:id><title>Tröjan &amp; vännen</title><link>https://s.example/{id}</link>"
    "<g:price>{price}</g:price><g:availability>{availability}</g:availability>{more}</item>\n"
)
SHOPIFY_HEADER = (
    "Handle,Title,Body (HTML),Vendor,Type,Published,Variant SKU,Variant Inventory Tracker,"
    "Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Compare At Price,"
    "Image Src,Image Position,Status,Care (product.metafields.custom.care)\n"
)
NEW_SHOPIFY = (
    "Title,URL handle,Description,Vendor,Type,Published on online store,Status,SKU,Price,"
    "Compare-at price,Inventory tracker,Inventory quantity,Continue selling when out of stock,"
    "Product image URL\n"
    "Tröjan,trojan,<p>Varm</p>,Hallgrens,Jumpers,true,Active,HY-1,1895.00,,shopify,0,CONTINUE,"
    "https://s.example/t.png\n"
)


def item(id: str = "a", price: str = "149.00 SEK", availability: str = "in_stock", more: str = ""):  # noqa: A002  as the feed calls it
    return ITEM.format(id=id, price=price, availability=availability, more=more)


def read(content: str | bytes, feed: Format | None = None) -> list[FeedItem | Rejected]:
    raw = content.encode() if isinstance(content, str) else content
    feed = feed or detect(BytesIO(raw))
    return list(read_feed(BytesIO(raw), feed, home="https://s.example/", currency="SEK"))


def products(read_items: Sequence[FeedItem | Rejected]) -> list[FeedItem]:
    assert all(isinstance(found, FeedItem) for found in read_items), read_items
    return [found for found in read_items if isinstance(found, FeedItem)]


def reasons(read_items: Sequence[FeedItem | Rejected]) -> list[tuple[int, str]]:
    return [(found.line, found.reason) for found in read_items if isinstance(found, Rejected)]


def test_an_item_of_rss_is_a_product() -> None:
    more = (
        "<description>&lt;p&gt;Varm&lt;/p&gt;&lt;p&gt;Rak&lt;/p&gt;</description>"
        "<g:sale_price>99 SEK</g:sale_price>"
        "<g:sale_price_effective_date>2026-03-01T00:00+0100/2026-03-09T00:00+0100"
        "</g:sale_price_effective_date><g:product_type>Kläder &gt; Tröjor</g:product_type>"
        "<g:product_highlight>Varm</g:product_highlight><g:product_highlight>Rak"
        "</g:product_highlight><g:shipping><g:price>59 SEK</g:price></g:shipping>"
    )
    (found,) = products(read(RSS % item(more=more)))

    assert (found.product_id, found.title, found.line) == ("a", "Tröjan & vännen", 3)
    assert (found.description, found.benefits) == ("Varm\n\nRak", ("Varm", "Rak"))
    assert (found.price, found.sale_price, found.currency) == (Decimal(149), Decimal(99), "SEK")
    assert found.sale_until == datetime(2026, 3, 8, 23, tzinfo=UTC)
    assert found.category == "Tröjor"


def test_an_entry_of_atom_is_a_product() -> None:
    (found,) = products(
        read(
            '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">'
            '<entry><title>T</title><link rel="self" href="https://s.example/x"/>'
            '<link href="https://s.example/p"/><summary>Varm</summary><g:id>a</g:id>'
            "<g:price>1 SEK</g:price><g:availability>preorder</g:availability></entry></feed>"
        )
    )

    assert (found.url, found.description, found.in_stock) == ("https://s.example/p", "Varm", True)


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY % a SYSTEM "https://evil.example/a.dtd"> %a;',
        '<!ENTITY a PUBLIC "x" "file:///etc/passwd">',
    ],
)
def test_a_feed_that_declares_entities_is_refused(declared: str) -> None:
    feed = f"<!DOCTYPE rss [{declared}]><rss><channel><item><id>&a;</id></item></channel></rss>"

    with pytest.raises(UnreadableFile, match="declares entities"):
        read(feed)


def test_a_document_type_elsewhere_is_never_fetched() -> None:
    told = (
        '<!DOCTYPE rss SYSTEM "https://evil.example/rss.dtd">' + (RSS % item()).partition("\n")[2]
    )

    assert [found.product_id for found in products(read(told))] == ["a"]


@pytest.mark.parametrize("broken", ["<rss><channel><item>", "<rss>&nope;</rss>", "<", "<a/>", "<?"])
def test_a_broken_feed_is_refused_with_a_sentence(broken: str) -> None:
    with pytest.raises(UnreadableFile):
        read(broken)


class LargeFeed(BytesIO):
    """A feed of fifty megabytes that is nowhere as a whole."""

    def __init__(self) -> None:
        super().__init__()
        before, after = (RSS % "@").encode().split(b"@")
        items = (item(str(n), more=f"<other>{'x' * 60_000}</other>").encode() for n in range(800))
        self._parts = itertools.chain([before], items, [after])

    def read(self, _size: int | None = -1, /) -> bytes:
        return next(self._parts, b"")


def test_a_large_feed_is_read_without_keeping_it() -> None:
    tracemalloc.start()
    found = sum(1 for _ in read_feed(LargeFeed(), Format.MERCHANT_XML, home="", currency=""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (found, peak < 5_000_000) == (800, True)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (item(id=""), "id is missing"),
        (item(price=""), "price is missing"),
        (item(price="gratis"), "price is no amount"),
        (item(availability="perhaps"), "availability is none that we know"),
        (item(more="<g:image_link>javascript:x</g:image_link>"), "image_link is no address"),
        (item(more="<g:sale_price>x</g:sale_price>"), "sale_price is no amount"),
        (item("b"), "its id stands in the file already"),
    ],
)
def test_an_item_that_cannot_be_used_is_rejected_with_its_line(broken: str, reason: str) -> None:
    rejected = reasons(read(RSS % (item("b") + broken + item("c"))))

    assert [(line, why.startswith(reason)) for line, why in rejected] == [(4, True)]


def test_the_sizes_of_one_thing_are_one_product() -> None:
    group = "<g:item_group_id>dellen</g:item_group_id>"
    sizes = [
        item("d-s", availability="out_of_stock", more=f"{group}<g:quantity>0</g:quantity>"),
        item("d-m", availability="in stock", more=f"{group}<g:quantity>4</g:quantity>"),
    ]
    feed = RSS % "".join(sizes).replace("vännen", "vännen, S", 1)
    (found,) = products(read(feed.replace("vännen<", "vännen, M<")))

    assert (found.product_id, found.variant_ids) == ("dellen", ("d-s", "d-m"))
    assert (found.title, found.in_stock, found.stock) == ("Tröjan & vännen", True, 4)


def test_a_feed_separated_by_tabs_is_read_line_by_line() -> None:
    feed = (
        "id\ttitle\tlink\tprice\tavailability\tproduct highlight\tproduct_detail\n"
        'a\t"Hej" sa Doris\thttps://s.example/a\t1 895,00 SEK\tin stock\t"Varm, rak",Tät'
        "\tSkötsel:Skötselråd:Vädra\n"
        'b\t"Ullig ""tröja"""\thttps://s.example/b\t10 SEK\tout of stock\n'
    )
    one, other = products(read(feed))

    assert (one.title, one.price, one.care) == ('"Hej" sa Doris', Decimal(1895), "Vädra")
    assert one.benefits == ("Varm, rak", "Tät")
    assert (other.title, other.in_stock) == ('Ullig "tröja"', False)


def test_bytes_that_are_no_text_reject_their_row_only() -> None:
    row = "{}\tTr{}ja\thttps://s.example/a\t1 SEK\tin_stock\n"
    rows = row.format("a", "\xf6") + row.format("b", "o")
    found = read(b"id\ttitle\tlink\tprice\tavailability\n" + rows.encode("latin-1"))

    assert reasons(found) == [(2, "it holds bytes that are no text: save it as UTF-8")]
    assert len(found) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_feed_is_read_in_the_encodings_that_spreadsheets_write(encoding: str) -> None:
    feed = "id\ttitle\tlink\tprice\tavailability\na\tTröja\thttps://s.example/a\t1 SEK\tin_stock\n"

    assert [found.title for found in products(read(feed.encode(encoding)))] == ["Tröja"]


def test_the_rows_of_one_handle_are_one_product() -> None:
    rows = [
        "trojan,Tröjan,<p>Varm</p>,,,TRUE,HY-1-S,shopify,0,,1495,1895,https://s.example/2,2,,Vädra",
        "trojan,,,,,,HY-1-M,shopify,3,deny,1495.00,1895.00,https://s.example/1,1,,",
        "trojan,,,,,,,,,,,,https://s.example/3,3,,",
        "mossan,Mössan,,,,TRUE,,,,,399,,,,active,",
    ]
    found, hat = products(read(SHOPIFY_HEADER + "\n".join(rows)))

    assert (found.product_id, found.variant_ids, found.rows) == ("trojan", ("HY-1-S", "HY-1-M"), 3)
    assert (found.price, found.sale_price, found.currency) == (Decimal(1895), Decimal(1495), "SEK")
    assert (found.in_stock, found.stock, found.care) == (True, 3, "Vädra")
    assert found.image_url == "https://s.example/1"
    assert (found.url, hat.stock, hat.line) == ("https://s.example/products/trojan", None, 5)


def test_shopifys_newer_columns_are_known_too() -> None:
    (found,) = products(read(NEW_SHOPIFY))

    assert (found.product_id, found.variant_ids, found.description) == ("trojan", ("HY-1",), "Varm")
    assert (found.price, found.in_stock, found.stock) == (Decimal(1895), True, 0)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,A,,,,TRUE,,,,,,,,,active,", "price is missing"),
        ("a,A,,,,TRUE,,,,,x,,,,active,", "price is no amount"),
        ("a,,,,,TRUE,,,,,1,,,,active,", "title is missing"),
        (",A,,,,TRUE,,,,,1,,,,active,", "handle is missing"),
        ("a,A,,,,TRUE,,,,,1,,,,draft,", "it is not for sale"),
        ("a,A,,,,FALSE,,,,,1,,,,,", "it is not published"),
    ],
)
def test_a_product_of_shopify_that_cannot_be_used_is_rejected_with_all_its_rows(
    row: str, reason: str
) -> None:
    (found,) = read(f"{SHOPIFY_HEADER}{row}\n{row.partition(',')[0]}{',' * 15}\n")[:1]

    assert isinstance(found, Rejected)
    assert found.reason.startswith(reason)
    assert found.line == 2


def test_a_quote_without_an_end_is_told_rather_than_swallowing_the_rest() -> None:
    with pytest.raises(UnreadableFile, match="line 3"):
        read(SHOPIFY_HEADER + 'a,A,,,,,,,,,1,,,,,\nb,"B,,,,,,,,,1,,,,,\n' + "c,C,,\n" * 9)


@pytest.mark.parametrize("content", [b"", b"{}", b"name;price\nx;1\n", b"\xff\xfe", b"\x00\x01"])
def test_a_file_that_is_no_feed_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="none of the feeds"):
        read(content)


HEADS = st.sampled_from(
    [b"", b"<rss>", (RSS % item()).encode()[:-20], SHOPIFY_HEADER.encode(), b"id\ttitle\tprice\n"]
)


@settings(max_examples=300)
@given(head=HEADS, rest=st.binary(max_size=200), feed=st.sampled_from(list(Format)))
def test_whatever_bytes_a_feed_has_it_is_read_or_refused(
    head: bytes, rest: bytes, feed: Format
) -> None:
    try:
        found = read(head + rest, feed)
    except UnreadableFile:
        return
    assert all(isinstance(one, FeedItem | Rejected) for one in found)


CELLS = st.text(
    st.characters(exclude_characters='\t\r\n",\0', exclude_categories=["Cs", "Zl", "Zp", "Cc"]),
    max_size=6,
)


@settings(max_examples=100)
@given(rows=st.lists(st.lists(st.sampled_from(["a", "b", "1"]) | CELLS, min_size=5, max_size=5)))
def test_every_row_is_accepted_or_rejected(rows: list[list[str]]) -> None:
    lines = ["\t".join(row) for row in rows]
    tsv = "\n".join(["id\ttitle\tlink\tprice\tavailability", *lines])
    csv = "\n".join(["Handle,Title,Variant Price,Status,Type", *(",".join(row) for row in rows)])
    filled = sum(any(cell.strip() for cell in row) for row in rows)

    assert sum(found.rows for found in read(tsv, Format.MERCHANT_TSV)) == filled
    assert sum(found.rows for found in read(csv, Format.SHOPIFY_CSV)) in (
        filled,
        sum(any(row) for row in rows),
    )
