"""From an order to the bytes that SES takes: who writes to whom, and how one leaves."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import update

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.errors import SettingsError, TemplateError
from sekvens.messages import envelope as sealing
from sekvens.messages.envelope import Envelope, Sealed
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON, alias, identify
from tests.unit.sending import ADDRESS, API, PostOffice, mixed


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database, flow=mixed())


def filled(office: PostOffice, step_id: str = "hello", **order: object) -> Sealed:
    envelope = Envelope(database=office.database, shop=sample_shop(), api=API)
    return envelope.fill(office.order(step_id, **order), "m-1", ADDRESS)


def test_marketing_lets_the_inbox_offer_its_own_way_to_leave(office: PostOffice) -> None:
    office.send("hello")

    mail = office.mail
    assert mail["List-Unsubscribe"].startswith(f"<{API.public_url}/u/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_order_mail_has_no_way_to_leave(office: PostOffice) -> None:
    office.send("receipt")

    assert office.mail["List-Unsubscribe"] is None
    assert b"/u/" not in office.ses.accepted[0].raw


def test_the_mail_comes_from_the_shop_and_goes_to_the_one_recipient(office: PostOffice) -> None:
    office.send("hello")

    shop, taken, mail = sample_shop(), office.ses.accepted[0], office.mail
    assert mail["To"] == ADDRESS == taken.recipient
    assert mail["From"] == f"{shop.sender.name['sv']} <{shop.sender.address}>"
    assert mail["Subject"] == "letters/hello"
    assert taken.sender == shop.sender.address


def test_the_sender_writes_under_the_name_of_the_readers_language(office: PostOffice) -> None:
    office.shop.post(identify("u", locale="en-GB"))
    office.send("hello")

    name = sample_shop().sender.name["en"]
    assert office.mail["From"].addresses[0].display_name == name


def test_a_merged_contacts_message_is_made_from_the_facts_of_the_one_who_stands(
    office: PostOffice,
) -> None:
    office.shop.now = NOON.replace(hour=13)
    young = office.subscriber("young", "ung@kund.example")
    office.enroll("e-young", young, started_at=NOON - timedelta(minutes=1))
    office.shop.post(alias("u", "young"))
    with office.database.write() as session:
        session.execute(update(Contact).where(Contact.id == office.contact_id).values(locale="en"))
    office.send("hello", enrollment_id="e-young", contact_id=young)

    assert office.mail["From"].addresses[0].display_name == sample_shop().sender.name["en"]


def test_a_template_that_is_not_stored_is_a_template_error(office: PostOffice) -> None:
    with pytest.raises(TemplateError, match="no template with digest d-gone is stored"):
        filled(office, template_digest="d-gone")


@pytest.mark.parametrize(
    "error",
    [KeyError(ADDRESS), ValueError(ADDRESS), TypeError(ADDRESS), ZeroDivisionError(ADDRESS)],
)
def test_a_fact_that_nobody_thought_of_is_a_template_error_that_does_not_quote_it(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def compose(*_: object, **__: object) -> None:
        raise error

    # No fact is known that does this: whatever is found next will.
    monkeypatch.setattr(sealing, "compose", compose)
    with pytest.raises(TemplateError, match="letters/hello cannot be made for contact c-") as told:
        filled(office)

    assert type(error).__name__ in str(told.value)
    assert "@" not in str(told.value)


def test_a_link_secret_that_is_missing_is_not_the_templates_fault(office: PostOffice) -> None:
    api = msgspec.structs.replace(API, link_secret="")
    envelope = Envelope(database=office.database, shop=sample_shop(), api=api)

    with pytest.raises(SettingsError, match="link_secret"):
        envelope.fill(office.order("hello"), "m-1", ADDRESS)
