"""An export holds everything that is held of a person, and nothing of anybody else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from sekvens.contacts.export import export
from sekvens.contacts.person import person_of
from sekvens.contacts.tables import Contact, Erasure
from sekvens.db.session import Database
from sekvens.experiments.drawing import variant_of
from sekvens.feedback.tables import Feedback
from sekvens.messages.tables import Message, MessageState, Overlap
from sekvens.offers.tables import OfferClaim, Referral
from starter import main
from tests.unit.experimenting import plan
from tests.unit.ingesting import NOON, identify, track
from tests.unit.sending import ADDRESS, PostOffice
from tests.unit.test_holdings import NAMES

Run = Callable[..., Result]


def fill(office: PostOffice) -> None:
    """Let the one contact leave traces in every table, and another one beside them."""
    shop, contact_id = office.shop, office.contact_id
    shop.post(
        identify("friend", email="friend@kund.example", firstName="Frida"),
        {"type": "page", "userId": "u", "messageId": "p", "properties": {"url": "https://x/"}},
        track("Product Added", cart_id="k", product_id="p"),
        track("Order Completed", order_id="o-1", products=[{"product_id": "p"}]),
        track("Return Started", order_id="o-1"),
        track("Product Reviewed", product_id="p", rating=5, review_body="Varm", review_id="r"),
        track("Contact Suppressed", reason="inactive"),
        {"type": "track", "userId": "u", "event": "X", "timestamp": ADDRESS},
    )
    with office.database.write() as session:
        message = session.scalars(select(Message)).one()
        claim = {"claimed_at": NOON, "expires_at": NOON}
        session.add_all([
            Overlap(message_id=message.id, at=NOON),
            Feedback(id="f", type="Delivery", kind="delivered",
                     message_id=message.id, is_ours=True, at=NOON,
                     read_at=NOON, raw={"mail": {"subject": "Hej"}}),
            OfferClaim(id="oc", offer="w", contact_id=contact_id, **claim),
            Referral(friend_id=shop.contact_id("friend"), referrer_id=contact_id,
                     order_id="of a friend", referred_at=NOON),
        ])  # fmt: skip
        variant_of(session, plan(), contact_id=contact_id, now=NOON)


@pytest.fixture
def office(sqlite_database: Database) -> PostOffice:
    office = PostOffice(sqlite_database)
    office.send()
    fill(office)
    return office


def exported(office: PostOffice, user: str = "u") -> dict[str, Any]:
    with office.database.read() as session:
        person = person_of(session, office.shop.contact_id(user))
        assert person is not None
        return export(session, person, now=NOON, shop_zone="Europe/Stockholm")


#: Tables of which the story above has nothing: codes of a pool, what comes after an erasure, and
#: what nobody has asked for, approved, predicted, clicked or reported.
EMPTY = {
    "offer_codes", "enrollment_claims", "redemptions", "deliveries", "erasures", "engagement",
    "message_effects", "order_results", "cart_results", "contact_results",
    "message_fates", "message_links", "notices", "preferences", "privacy_requests",
    "segment_memberships", "segment_stays", "send_time_choices", "approvals", "predictions",
    "next_best", "enrollment_variants",
}  # fmt: skip


def test_it_holds_what_every_table_holds_of_them(office: PostOffice):
    told = exported(office)
    empty = {name for name, rows in told["tables"].items() if not rows}

    assert told["tables"].keys() == NAMES
    assert empty == EMPTY
    assert told["tables"]["contacts"][0]["email"] == ADDRESS
    assert told["tables"]["messages"][0]["state"] == MessageState.ACCEPTED
    assert told["tables"]["feedback"][0]["raw"] == {"mail": {"subject": "Hej"}}
    assert ADDRESS in told["tables"]["rejected_events"][0]["raw"]


def test_an_email_is_told_as_it_was_written(office: PostOffice):
    told = exported(office)
    [message] = told["tables"]["messages"]

    assert told["emails"][message["template_digest"]]["name"] == "letters/hello"
    assert "Hej du." in told["emails"][message["template_digest"]]["sources"]["sv"]


def test_nothing_of_anybody_else_is_in_it(office: PostOffice):
    friend = office.shop.contact_id("friend")
    theirs, friends = exported(office), exported(office, "friend")

    assert friend not in json.dumps(theirs)
    assert "Frida" not in json.dumps(theirs)
    assert theirs["tables"]["referrals"][0]["friend_id"] == "another contact"
    assert office.contact_id not in json.dumps(friends)
    assert friends["tables"]["referrals"][0]["referrer_id"] == "another contact"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SEKVENS_DATABASE__URL", f"sqlite:///{tmp_path / 'sekvens.db'}")
    return lambda *words, **given: CliRunner().invoke(main, ["contacts", *words], **given)


def test_the_command_writes_it_for_its_owner_alone(office: PostOffice, run: Run, tmp_path: Path):
    file = tmp_path / "maja.json"
    said = run("export", ADDRESS, "--file", str(file))

    assert said.output == f"{office.contact_id} is exported to {file}.\n"
    assert json.loads(file.read_text("utf-8"))["tables"] == exported(office)["tables"]
    assert file.stat().st_mode & 0o077 == 0
    assert json.loads(run("export", "u").stdout)["contact"] == office.contact_id
    assert run("export", "nobody").exit_code == 2


def test_an_address_of_several_is_refused_with_their_ids(office: PostOffice, run: Run):
    other = office.subscriber("other", ADDRESS.upper())
    exporting, erasing = run("export", ADDRESS), run("erase", ADDRESS, "--yes")

    assert (exporting.exit_code, erasing.exit_code) == (2, 2)
    for said in (exporting, erasing):
        assert {office.contact_id, other} <= set(
            said.stderr.replace(",", "").replace(":", "").split()
        )
        assert ADDRESS not in said.stderr
    assert "--all" in erasing.stderr


def test_all_of_them_are_erased_when_asked_for(office: PostOffice, run: Run, tmp_path: Path):
    office.subscriber("other", ADDRESS)
    file = tmp_path / "erased.json"
    said = run("erase", ADDRESS, "--all", "--yes", "--by", "maja", "--certificate", str(file))
    certificates = json.loads(said.stdout)

    assert json.loads(file.read_text("utf-8")) == certificates
    assert {each["by"] for each in certificates} == {"maja"}
    with office.database.read() as session:
        assert len(session.scalars(select(Erasure)).all()) == len(certificates) == 2
        emails = session.scalars(select(Contact.email).where(Contact.erased_at.is_not(None)))
        assert set(emails) == {None}
