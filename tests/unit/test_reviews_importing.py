"""Reviews taken over from files, and what somebody decides about them."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekvens.db.session import Database
from sekvens.imports.outcome import Imported, Rejected, UnreadableFile
from sekvens.reviews.importing import import_reviews, read_reviews
from sekvens.reviews.moderation import UnknownReview, moderate
from sekvens.reviews.queries import ReviewFacts, approved, listed
from sekvens.reviews.tables import Review, ReviewState
from tests.conftest import NOON

OURS = "product_id,author,rating,text,locale,date\na,Karin Svensson,5,Varm.,sv,2026-01-02\n"
JUDGE_ME = (
    "title,body,rating,review_date,source,curated,reviewer_name,reviewer_email,product_id,"
    "product_handle,reply,reply_date,picture_urls,ip_address,location\n"
    "Bra,Varm.,5,2026-01-02 10:00:00 UTC,web,ok,Karin Svensson,k@example.com,811,a,,,,,\n"
)
LOOX = (
    "id,handle,variant,rating,author,email,body,created_at,photo_url\n"
    "L1,a,,5,Karin S.,k@example.com,Varm.,2026-01-02T10:00:00.000Z,\n"
)
YOTPO = (
    "Review ID,Review Title,Review Content,Review Score,Date,Product ID,Reviewer Display Name,"
    "Reviewer Email\n77,Bra,Varm.,5,2026/01/02,a,Karin S.,k@example.com\n"
)


def read(content: str | bytes) -> list[Review | Rejected]:
    raw = content.encode() if isinstance(content, str) else content
    return list(read_reviews(BytesIO(raw), known={"a"}, now=NOON))


def take_over(database: Database, content: str, *, is_approved: bool = False) -> Imported:
    return import_reviews(database, read(content), approved=is_approved)


def counts(imported: Imported) -> tuple[int, int, int, int]:
    return imported.added, imported.changed, imported.unchanged, imported.rows_rejected


def shown(database: Database) -> list[ReviewFacts]:
    with database.read() as session:
        return list(approved(session, product_ids=["a"], limit=9))


@pytest.mark.parametrize("export", [OURS, JUDGE_ME, LOOX, YOTPO, OURS.replace(",", ";")])
def test_an_export_is_read_as_it_is(database: Database, export: str) -> None:
    imported = take_over(database, export, is_approved=True)

    (facts,) = shown(database)
    assert counts(imported) == (1, 0, 0, 0)
    assert (facts.product_id, facts.author, facts.rating, facts.text) == (
        "a",
        "Karin S.",
        5,
        "Varm.",
    )
    assert facts.written_on.date() == datetime(2026, 1, 2, tzinfo=UTC).date()
    assert not facts.verified


def test_an_imported_review_is_shown_once_somebody_approved_it(database: Database) -> None:
    take_over(database, YOTPO)
    before = shown(database)
    with database.write() as session:
        changed = [
            moderate(session, ["77"], state=ReviewState.APPROVED, now=NOON) for _ in range(2)
        ]

    assert (before, changed, len(shown(database))) == ([], [1, 0], 1)


def test_the_same_file_twice_changes_nothing_of_what_was_decided(database: Database) -> None:
    take_over(database, OURS + "a,Bo,4,Tät.,sv,2026-01-03\n")
    with database.write() as session:
        ids = [facts.review_id for _, facts in listed(session, states=[*ReviewState], limit=9)]
        moderate(session, ids, state=ReviewState.APPROVED, now=NOON)
    again = take_over(database, OURS + "a,Bo,4,Tät.,sv,2026-01-03\n")

    assert counts(again) == (0, 0, 2, 0)
    assert len(shown(database)) == 2


def test_an_imported_review_that_reads_otherwise_now_is_pending_again(database: Database) -> None:
    take_over(database, YOTPO, is_approved=True)
    again = take_over(database, YOTPO.replace("Varm.", "Kall."), is_approved=True)

    assert (counts(again), shown(database)) == ((0, 1, 0, 0), [])


def test_a_rejected_review_is_not_shown(database: Database) -> None:
    take_over(database, YOTPO, is_approved=True)
    with database.write() as session:
        moderate(session, ["77"], state=ReviewState.REJECTED, now=NOON + timedelta(days=1))

    assert shown(database) == []


def test_an_unknown_id_changes_nothing(database: Database) -> None:
    take_over(database, YOTPO)
    with pytest.raises(UnknownReview, match="78"), database.write() as session:
        moderate(session, ["77", "78"], state=ReviewState.APPROVED, now=NOON)

    assert shown(database) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Bo,5,Varm.,sv,2026-01-02", "product_id is missing"),
        ("a,Bo,6,Varm.,sv,2026-01-02", "rating is no number"),
        ("a,Bo,5,,sv,2026-01-02", "text is missing"),
        ("a,Bo,5,Varm.,sv,i fjol", "date is missing"),
        ("a,Bo,5,Varm.,sv,2026-01-02,x", "it has more columns"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_with_its_line(row: str, reason: str) -> None:
    (rejected,) = read(f"product_id,author,rating,text,locale,date\n\n{row}\n")

    assert isinstance(rejected, Rejected)
    assert (rejected.line, rejected.reason.startswith(reason)) == (3, True)


def test_no_reason_quotes_what_somebody_wrote() -> None:
    secret = "hemlig@example.com"
    rows = [secret, f"{secret},5,{secret}", f"a,{secret},{secret},{secret},sv,{secret}"]
    found = read("product_id,author,rating,text,locale,date\n" + "\n".join(rows))

    assert [type(one) for one in found] == [Rejected] * 3
    assert secret not in repr(found)


@settings(max_examples=200)
@given(st.sampled_from([b"", OURS.encode(), b"product_id,rating\n"]), st.binary(max_size=120))
def test_whatever_bytes_a_file_has_it_is_read_or_refused(head: bytes, rest: bytes) -> None:
    try:
        found = read(head + rest)
    except UnreadableFile:
        return
    assert all(isinstance(one, Review | Rejected) for one in found)
