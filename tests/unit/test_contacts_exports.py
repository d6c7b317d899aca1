"""Klaviyo's and Mailchimp's exports: suppressions first, and each tool's own evidence."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sekvens.contacts.importing.mailchimp import Section, section_of
from sekvens.contacts.importing.parts import Kind, Tool, UnknownSection
from sekvens.contacts.importing.running import PartOutcome, SuppressionsMissing
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent
from sekvens.imports.outcome import UnreadableFile
from tests.unit.ingesting import Shop, identify, track
from tests.unit.moving_in import CLEAN, KLAVIYO, MAILCHIMP, SUPPRESSED, UNSUB, Mover, csv


@pytest.fixture
def mover(sqlite_database: Database, tmp_path: Path) -> Mover:
    return Mover(sqlite_database, tmp_path)


@pytest.fixture
def anywhere(database: Database, tmp_path: Path) -> Mover:
    """A mover on both databases, where the database matters."""
    return Mover(database, tmp_path)


def profile(email: str, consent: str, at: str = "2024-05-06 07:08:09", suppressed: str = "") -> str:
    about = f"{email},01ABC,,Elsa,L,Falun,,Sweden,Footer,10.0.0.1"
    return f'{about},{consent},{at},2023-01-01,"{suppressed}"'


def klaviyo(mover: Mover, *rows: str, none: bool = True) -> PartOutcome:
    file = mover.file(csv(*rows, header=KLAVIYO), "profiles.csv")
    (outcome,) = mover.take(file, tool=Tool.KLAVIYO, none=none)
    return outcome


def suppressed(mover: Mover, *rows: str) -> PartOutcome:
    file = mover.file(SUPPRESSED + "\n".join(rows), "suppressed.csv")
    (outcome,) = mover.take(file, tool=Tool.KLAVIYO, kind=Kind.SUPPRESSIONS)
    return outcome


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("SUBSCRIBED", "subscribed"),
        ("UNSUBSCRIBED", "unsubscribed"),
        ("NEVER_SUBSCRIBED", "never_subscribed"),
        ("", "never_subscribed"),
        ("what is new", "never_subscribed"),
    ],
)
def test_a_klaviyo_profile_has_the_consent_that_it_says(
    mover: Mover, said: str, status: str
) -> None:
    klaviyo(mover, profile("elsa@example.com", said))

    assert mover.consent("elsa@example.com") == status


def test_a_klaviyo_profile_without_a_time_of_consent_is_not_subscribed(mover: Mover) -> None:
    klaviyo(mover, profile("elsa@example.com", "SUBSCRIBED", at=""))

    assert mover.consent("elsa@example.com") == "never_subscribed"


def test_klaviyos_evidence_is_kept(mover: Mover) -> None:
    klaviyo(mover, profile("elsa@example.com", "SUBSCRIBED"))

    at = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert mover.evidence("elsa@example.com") == [("subscribed", at, "klaviyo: Footer")]
    with mover.database.read() as session:
        said = session.query(ContactEvent).filter_by(name="Email Subscribed").one().properties
        assert said["ip"] == "10.0.0.1"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("HARD_BOUNCE", "bounce"),
        ("Bounced", "bounce"),
        ("SPAM_COMPLAINT", "complaint"),
        ("Marked as spam", "complaint"),
        ("INVALID_EMAIL", "invalid"),
        ("USER_SUPPRESSED", "manual"),
        ("", "manual"),
        ("what is new", "manual"),
    ],
)
def test_klaviyos_reasons_are_ours(mover: Mover, said: str, reason: str) -> None:
    suppressed(mover, f"elsa@example.com,{said},2024-05-06")

    assert mover.suppression("elsa@example.com") == reason
    assert mover.count(Contact) == 0


def test_whom_klaviyo_suppresses_for_having_unsubscribed_may_get_order_mail(mover: Mover) -> None:
    suppressed(mover, "elsa@example.com,UNSUBSCRIBED,2024-05-06")

    assert mover.suppression("elsa@example.com") is None
    assert mover.consent("elsa@example.com") == "unsubscribed"


def test_a_profile_that_says_it_is_suppressed_is(mover: Mover) -> None:
    row = profile("elsa@example.com", "SUBSCRIBED", suppressed="['HARD_BOUNCE']")
    outcome = klaviyo(mover, row, profile("kim@example.com", "SUBSCRIBED", suppressed="[]"))

    assert mover.suppression("elsa@example.com") == "bounce"
    assert mover.suppression("kim@example.com") is None
    assert (outcome.counts["kept_suppressed"], outcome.rows) == (1, 2)


def test_profiles_wait_for_the_suppressions_of_their_export(anywhere: Mover) -> None:
    with pytest.raises(SuppressionsMissing, match="--no-suppressions"):
        klaviyo(anywhere, profile("elsa@example.com", "SUBSCRIBED"), none=False)
    refused = anywhere.count(Contact)
    suppressed(anywhere, "elsa@example.com,HARD_BOUNCE,2024-05-06")
    outcome = klaviyo(anywhere, profile("elsa@example.com", "SUBSCRIBED"), none=False)

    assert (refused, outcome.counts["kept_suppressed"]) == (0, 1)
    assert anywhere.consent("elsa@example.com") is None


def test_suppressions_of_last_month_are_of_another_export(mover: Mover) -> None:
    suppressed(mover, "elsa@example.com,HARD_BOUNCE,2024-05-06")
    mover.later(days=30)

    with pytest.raises(SuppressionsMissing):
        klaviyo(mover, profile("elsa@example.com", "SUBSCRIBED"), none=False)


def test_a_suppression_ends_the_flows_of_whoever_has_the_address(anywhere: Mover) -> None:
    shop = Shop(anywhere.database)
    shop.post(identify("42", email="elsa@example.com"))
    file = anywhere.file(
        "email,reason,at\nELSA@example.com,complaint,2025-01-01\nx@y.se,perhaps,\n"
    )
    (outcome,) = anywhere.take(file, kind=Kind.SUPPRESSIONS)

    assert anywhere.suppression("elsa@example.com") == "complaint"
    assert len(shop.outbox("42")) == 1
    assert [one.line for one in outcome.rejected] == [3]


def member(email: str, *, more: str = "") -> str:
    asked = "2024-06-25 09:26:27,10.0.0.7,2024-06-25 09:30:00,10.0.0.8"
    return f'{email},Elsa,L,2,{asked},1,2,Europe/Stockholm,se,,2025-01-01 00:00:00,{more}1,2,,"a,b"'


def audience(mover: Mover) -> Path:
    gone = "2025-02-03 04:05:06,Spring,c1,OTHER,Too many,"
    return mover.export(
        {
            "subscribed": csv(
                member("elsa@example.com"),
                member("gone@example.com"),
                member("dead@example.com"),
                header=MAILCHIMP.format(more=""),
            ),
            "nonsubscribed": csv(member("kim@example.com"), header=MAILCHIMP.format(more="")),
            "unsubscribed": csv(
                member("gone@example.com", more=gone), header=MAILCHIMP.format(more=UNSUB)
            ),
            "cleaned": csv(
                member("dead@example.com", more="2025-03-04 00:00:00,Spring,c1,"),
                header=MAILCHIMP.format(more=CLEAN),
            ),
        }
    )


def test_an_audience_is_imported_with_its_suppressions_first(anywhere: Mover) -> None:
    parts = anywhere.take(audience(anywhere), tool=Tool.MAILCHIMP)

    assert [part.name.partition("_")[0] for part in parts] == [*Section]
    assert anywhere.suppression("dead@example.com") == "bounce"
    consents = [anywhere.consent(f"{name}@example.com") for name in ("elsa", "gone", "dead", "kim")]
    assert consents == ["subscribed", "unsubscribed", None, "never_subscribed"]


def test_mailchimps_evidence_is_kept(mover: Mover) -> None:
    mover.take(audience(mover), tool=Tool.MAILCHIMP)

    with mover.database.read() as session:
        rows = session.query(ContactEvent).filter(ContactEvent.type == "track")
        said = {row.name: (row.occurred_at, row.properties) for row in rows}
    assert said["Email Subscribed"][0] == datetime(2024, 6, 25, 9, 30, tzinfo=UTC)
    assert said["Email Subscribed"][1] == {
        "source": "mailchimp",
        "ip": "10.0.0.8",
        "requested_at": "2024-06-25 09:26:27",
        "confirmed_at": "2024-06-25 09:30:00",
        "imported": True,
    }
    assert said["Unsubscribed"][0] == datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert said["Unsubscribed"][1]["reason"] == "OTHER: Too many"


def test_an_audience_again_changes_nothing(anywhere: Mover) -> None:
    anywhere.take(audience(anywhere), tool=Tool.MAILCHIMP)
    before = anywhere.count(ContactEvent)
    again = anywhere.take(audience(anywhere), tool=Tool.MAILCHIMP)

    assert all(part.was_done for part in again)
    assert anywhere.count(ContactEvent) == before


def test_an_audience_of_whom_nobody_bounced_needs_no_file_that_says_so(mover: Mover) -> None:
    header = MAILCHIMP.format(more="")
    files = {name: csv(header=header) for name in ("unsubscribed", "nonsubscribed")}
    mover.take(
        mover.export(files | {"subscribed": csv(member("elsa@example.com"), header=header)}),
        tool=Tool.MAILCHIMP,
    )

    assert mover.consent("elsa@example.com") == "subscribed"


def single(mover: Mover, name: str) -> Path:
    content = csv(member("elsa@example.com"), header=MAILCHIMP.format(more=""))
    return mover.file(content, f"{name}.csv")


def test_a_single_file_of_an_audience_waits_for_its_suppressions(mover: Mover) -> None:
    for name in ("cleaned_members_export_aa11", "unsubscribed_members_export_bb22"):
        mover.take(single(mover, name), tool=Tool.MAILCHIMP)

    with pytest.raises(SuppressionsMissing, match="unsubscribed"):
        mover.take(single(mover, "subscribed_members_export_aa11"), tool=Tool.MAILCHIMP)


def test_a_file_of_mailchimps_that_was_renamed_is_refused(mover: Mover) -> None:
    with pytest.raises(UnknownSection, match="section"):
        mover.take(single(mover, "list"), tool=Tool.MAILCHIMP)


def test_a_zip_of_something_else_is_refused(mover: Mover) -> None:
    with pytest.raises(UnreadableFile, match="no export"):
        mover.take(mover.export({"photos": ""}), tool=Tool.MAILCHIMP)


@pytest.mark.parametrize("damage", [b"PK\x03\x04 nothing", b""])
def test_a_broken_file_is_refused_in_a_sentence(mover: Mover, damage: bytes) -> None:
    path = mover.file(damage, "cleaned_members_export_aa11.csv")

    with pytest.raises(UnreadableFile):
        mover.take(path, tool=Tool.MAILCHIMP, none=True)


def test_a_zip_with_a_broken_member_is_refused_in_a_sentence(mover: Mover) -> None:
    path = audience(mover)
    content = bytearray(path.read_bytes())
    content[content.index(b"elsa@example.com")] ^= 1
    path.write_bytes(content)

    with pytest.raises(UnreadableFile, match="unpacked"):
        mover.take(path, tool=Tool.MAILCHIMP)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("nonsubscribed_email_audience_export_1a2b.csv", (Section.NONSUBSCRIBED, "1a2b")),
        ("x/subscribed_members_export_1a2b.csv", (Section.SUBSCRIBED, "1a2b")),
        ("cleaned_email_audience_export.csv", (Section.CLEANED, "")),
        ("subscribed.csv", None),
    ],
)
def test_a_files_name_says_its_section(name: str, found: object) -> None:
    assert section_of(name) == found


def test_who_unsubscribed_from_us_later_stays_so(mover: Mover) -> None:
    shop = Shop(mover.database)
    shop.post(identify("42", email="elsa@example.com"), track("Unsubscribed", "42"))
    mover.take(audience(mover), tool=Tool.MAILCHIMP)

    assert shop.consent("42") == "unsubscribed"
