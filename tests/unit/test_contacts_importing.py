"""Contacts taken over from a CSV: with evidence, and never against their own word."""

import json
from pathlib import Path
from typing import Any

import pytest

from sekvens.contacts.importing import running
from sekvens.contacts.importing.columns import UnknownField
from sekvens.contacts.tables import Consent, ConsentChange, Contact
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent, OutboxEntry
from sekvens.imports.outcome import UnreadableFile
from sekvens.imports.tables import ImportedFile
from tests.unit.ingesting import Shop, identify, track
from tests.unit.moving_in import ELSA, ELSA_AT, Mover, csv


@pytest.fixture
def mover(sqlite_database: Database, tmp_path: Path) -> Mover:
    return Mover(sqlite_database, tmp_path)


@pytest.fixture
def anywhere(database: Database, tmp_path: Path) -> Mover:
    """A mover on both databases, where the database matters."""
    return Mover(database, tmp_path)


def test_who_agreed_with_evidence_is_subscribed_at_that_time(anywhere: Mover) -> None:
    outcome = anywhere.csv(ELSA)

    contact = anywhere.contact("elsa@example.com")
    assert contact is not None
    assert (contact.first_name, outcome.counts["subscribed"]) == ("Elsa", 1)
    assert anywhere.evidence("elsa@example.com") == [("subscribed", ELSA_AT, "import: Footer form")]
    assert Shop(anywhere.database).contact_id("42") == contact.id


@pytest.mark.parametrize(
    "row",
    [
        "a@example.com,,A,subscribed,,Footer form,",
        "a@example.com,,A,subscribed,2025-01-02T10:00:00Z,,",
        "a@example.com,,A,yes,,,",
        "a@example.com,,A,never_subscribed,,,",
        "a@example.com,,A,,,,",
    ],
)
def test_who_agreed_without_evidence_is_not_subscribed(mover: Mover, row: str) -> None:
    mover.csv(row)

    assert mover.consent("a@example.com") == "never_subscribed"


def test_who_has_not_confirmed_yet_is_pending(mover: Mover) -> None:
    mover.csv("a@example.com,,A,pending,2025-01-02T10:00:00Z,Form,")

    assert mover.consent("a@example.com") == "pending"


def test_evidence_that_comes_later_makes_it_consent(anywhere: Mover) -> None:
    anywhere.csv("elsa@example.com,42,Elsa,subscribed,,,")
    anywhere.csv(ELSA)

    assert anywhere.consent("elsa@example.com") == "subscribed"


def test_evidence_for_all_rows_may_be_said_once(mover: Mover) -> None:
    row = "a@example.com,,A,subscribed,2025-01-02T10:00:00Z,,"
    mover.csv(row, evidence={"source": "the till", "wording": "Write to me."})

    (_, _, source) = mover.evidence("a@example.com")[0]
    assert (mover.consent("a@example.com"), source) == ("subscribed", "import: the till")


def test_who_unsubscribed_here_stays_so_whatever_the_file_says(mover: Mover) -> None:
    Shop(mover.database).post(identify("42", email="elsa@example.com"), track("Unsubscribed", "42"))
    newer = ELSA.replace("2025-01-02T10:00:00Z", "2026-03-04T11:59:00Z")
    Shop(mover.database).post(track("Unsubscribed", "42", ago=900))
    outcome = mover.csv(newer)

    assert mover.consent("elsa@example.com") == "unsubscribed"
    assert outcome.counts["kept_unsubscribed"] == 1


def test_a_newer_word_of_the_shops_own_counts_over_an_old_unsubscribe(mover: Mover) -> None:
    shop = Shop(mover.database)
    shop.post(identify("42", email="elsa@example.com"), track("Email Subscribed", "42"))
    mover.csv("elsa@example.com,42,Elsa,unsubscribed,2025-01-02T10:00:00Z,,")

    assert mover.consent("elsa@example.com") == "subscribed"


def test_an_unsubscribe_without_a_time_counts_from_now(mover: Mover) -> None:
    shop = Shop(mover.database)
    shop.post(identify("42", email="elsa@example.com"), track("Email Subscribed", "42", ago=5))
    mover.csv("elsa@example.com,,Elsa,unsubscribed,,,")

    assert mover.consent("elsa@example.com") == "unsubscribed"


@pytest.mark.parametrize("reason", ["bounce", "inactive"])
def test_a_suppressed_address_stays_suppressed(anywhere: Mover, reason: str) -> None:
    shop = Shop(anywhere.database)
    shop.post(identify("42", email="elsa@example.com"))
    shop.post(track("Contact Suppressed", "42", ago=10**6, reason=reason))
    outcome = anywhere.csv(ELSA)

    assert anywhere.suppression("elsa@example.com") == reason
    assert outcome.counts["kept_suppressed"] == 1


def test_what_the_shop_told_of_a_contact_counts_over_the_file(mover: Mover) -> None:
    Shop(mover.database).post(identify("42", email="elsa@example.com", firstName="Elsa-Maja"))
    mover.csv(ELSA)

    contact = mover.contact("elsa@example.com")
    assert contact is not None
    assert contact.first_name == "Elsa-Maja"


def test_who_is_known_by_the_address_is_no_second_contact(mover: Mover) -> None:
    Shop(mover.database).post(identify("42", email="elsa@example.com"))
    mover.csv(ELSA.replace(",42,", ",,"))

    assert mover.count(Contact) == 1
    assert mover.consent("elsa@example.com") == "subscribed"


def test_an_address_that_gets_its_id_in_a_later_file_is_one_contact(anywhere: Mover) -> None:
    anywhere.csv(ELSA.replace(",42,", ",,"))
    anywhere.csv("elsa@example.com,42,Elsa,,,,")

    contact = anywhere.contact("elsa@example.com")
    assert contact is not None
    assert Shop(anywhere.database).contact_id("42") == contact.id
    assert anywhere.consent("elsa@example.com") == "subscribed"


@pytest.mark.parametrize("order", [1, -1])
def test_two_rows_of_one_file_may_be_one_contact(mover: Mover, order: int) -> None:
    rows = [ELSA.replace(",42,", ",,"), "elsa@example.com,42,Elsa,,,,"]
    mover.csv(*rows[::order])

    assert mover.contact("elsa@example.com") is not None
    assert Shop(mover.database).consent("42") == "subscribed"


def test_an_unsubscribe_in_the_same_file_counts_in_either_order(mover: Mover) -> None:
    gone = "elsa@example.com,,Elsa,unsubscribed,2024-01-01T00:00:00Z,,"
    mover.csv(gone, ELSA)

    assert mover.consent("elsa@example.com") == "unsubscribed"


def test_an_unsubscribe_reaches_everybody_who_has_the_address(anywhere: Mover) -> None:
    shop = Shop(anywhere.database)
    for user in ("1", "2"):
        shop.post(identify(user, email="elsa@example.com"))
        shop.post(track("Email Subscribed", user, ago=9))
    anywhere.csv("elsa@example.com,,,unsubscribed,,,")

    assert (shop.consent("1"), shop.consent("2")) == ("unsubscribed", "unsubscribed")


def test_nobody_is_enrolled_unless_it_is_said(anywhere: Mover) -> None:
    anywhere.csv(ELSA, "kim@example.com,7,Kim,unsubscribed,2025-01-02T10:00:00Z,,")
    quiet = anywhere.count(OutboxEntry)
    anywhere.csv(ELSA.replace("42", "43").replace("elsa@", "e@"), enrolls=True)

    # An unsubscribe always reaches the flows: it ends them.
    assert (quiet, anywhere.count(OutboxEntry)) == (1, 2)


def test_the_same_file_again_changes_nothing(mover: Mover) -> None:
    mover.csv(ELSA, "b@example.com,,B,,,,")
    before = mover.count(ContactEvent), mover.count(ConsentChange)
    again = mover.csv(ELSA, "b@example.com,,B,,,,")

    assert again.was_done
    assert (mover.count(ContactEvent), mover.count(ConsentChange)) == before


def test_the_same_rows_in_another_file_change_nothing(anywhere: Mover) -> None:
    anywhere.csv(ELSA, "b@example.com,,B,,,,")
    before = anywhere.count(ContactEvent), anywhere.count(ConsentChange)
    again = anywhere.csv("b@example.com,,B,,,,", ELSA)

    assert again.counts["unchanged"] == 2
    assert (anywhere.count(ContactEvent), anywhere.count(ConsentChange)) == before


def test_a_dry_run_says_what_would_happen_and_changes_nothing(anywhere: Mover) -> None:
    rows = [ELSA, "b@example.com,,B,subscribed,,,", "none,,C,,,,"]
    foretold = anywhere.csv(*rows, dry=True)
    before = [anywhere.count(table) for table in (Contact, ContactEvent, Consent, ImportedFile)]
    happened = anywhere.csv(*rows)

    assert before == [0, 0, 0, 0]
    assert foretold.counts == happened.counts


def broken_after(batches: int) -> Any:
    taken = iter(range(batches))

    def take_over(*given: Any) -> Any:
        if next(taken, None) is None:
            raise OSError("the power went")
        return running_take_over(*given)

    running_take_over = running.take_over
    return take_over


def test_after_a_crash_it_goes_on_where_it_stopped(
    anywhere: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"p{number}@example.com,{number},P,,,," for number in range(9)]
    rows[2] = "none,2,P,,,,"
    monkeypatch.setattr(running, "BATCH", 2)
    with monkeypatch.context() as patch:
        patch.setattr(running, "take_over", broken_after(2))
        with pytest.raises(OSError, match="power"):
            anywhere.csv(*rows)
    there = anywhere.count(Contact)
    outcome = anywhere.csv(*rows)

    assert (there, anywhere.count(Contact), outcome.begun_at_line) == (3, 8, 5)
    assert (outcome.counts["added"], outcome.counts["rejected"]) == (5, 0)
    with anywhere.database.read() as session:
        (kept,) = session.query(ImportedFile).all()
        assert kept.counts == {"added": 8, "rejected": 1}
    assert anywhere.rejects.read_text().count("contacts.csv,4,") == 1


def test_a_rejected_row_is_kept_with_its_line_and_reason(mover: Mover) -> None:
    outcome = mover.csv(ELSA, "Nobody At All,9,,,,,", "c@example.com,,,subscribed,yesterday,x,")

    assert [one.line for one in outcome.rejected] == [3, 4]
    assert not any("Nobody" in one.reason for one in outcome.rejected)
    assert json.dumps("Nobody At All")[1:-1] in mover.rejects.read_text()
    assert mover.rejects.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a@example.com,,,perhaps,,,", "consent is none of"),
        ("a@example.com,,,subscribed,2099-01-01,x,", "consent_at is no date"),
        ("a@example.com,,,subscribed,0001-01-01,x,", "consent_at is no date"),
        ("maj@örebro@x,,,,,,", "the address is missing"),
        (f"a@example.com,{'9' * 300},,,,,", "external_id is too long"),
        ("a@example.com,,,,,,,,more", "more columns than the header"),
    ],
)
def test_what_cannot_be_used_is_rejected(mover: Mover, row: str, said: str) -> None:
    outcome = mover.csv(row)

    assert [said in one.reason for one in outcome.rejected] == [True]
    assert mover.count(Contact) == 0


def test_columns_are_mapped_by_hand(mover: Mover) -> None:
    content = "E-post;Storlek;Traits.Shoe Size;Förnamn\nelsa@example.com;M;39;Elsa\n"
    maps = ["email=E-post", "traits.size=Storlek", "first_name=Förnamn"]
    mover.take(mover.file(content), maps=maps)

    contact = mover.contact("elsa@example.com")
    assert contact is not None
    assert (contact.first_name, contact.traits["size"], contact.traits["shoe_size"]) == (
        *("Elsa", "M", "39"),
    )


@pytest.mark.parametrize("pair", ["email", "nothing=Name", "=Name", "email=", "traits.=Name"])
def test_a_mapping_that_means_nothing_is_refused(mover: Mover, pair: str) -> None:
    with pytest.raises(UnknownField, match="--map"):
        mover.take(mover.file(csv(ELSA)), maps=[pair])


@pytest.mark.parametrize(
    ("content", "maps"),
    [("name\nElsa\n", ()), (csv(ELSA), ("first_name=Förnamn",)), (csv(ELSA), ("traits.a=B",))],
)
def test_a_file_without_the_column_is_refused(mover: Mover, content: str, maps: Any) -> None:
    with pytest.raises(UnreadableFile, match="column"):
        mover.take(mover.file(content), maps=maps)
