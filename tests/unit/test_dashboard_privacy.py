"""Privacy on the dashboard: what is handed out, who is erased, and what stands there afterwards."""

import json
from collections.abc import Mapping

import httpx
import pytest
from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.contacts.erase import certificate_of, erasure_of
from sekvens.contacts.requests import PrivacyRequest, RequestKind, record
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.staff import audit
from sekvens.staff.tables import AuditEntry, Role
from sekvens.web.dashboard import privacy
from tests.unit.ingesting import NOON, Shop, identify, track
from tests.unit.sending import PostOffice
from tests.unit.staffing import add_staff, browsing, quick_scrypt  # noqa: F401  a fixture
from tests.unit.test_dashboard_knowing import acted, shown

PAGE = "/staff/privacy"
ADDRESS = "kanariefagel@tweet.example"
ERASING = ("erase-contact", "erase-contact-by-staff")


@pytest.fixture
def office(sqlite_database: Database) -> PostOffice:
    for role in Role:
        add_staff(sqlite_database, role.value, role=role)
    office = PostOffice(sqlite_database)
    Shop(sqlite_database).post(
        identify("kanarie", email=ADDRESS, firstName="Kanariefågelsa", nick="Qvitter"),
        track("Product Viewed", "kanarie", product_id="hat"),
    )
    return office


def contact_of(office: PostOffice, user: str = "kanarie") -> str:
    return Shop(office.database).contact_id(user)


def log_of(database: Database) -> list[AuditEntry]:
    with database.read() as session:
        return list(audit.newest(session))


def address_of(database: Database, contact_id: str) -> str | None:
    with database.read() as session:
        return session.get_one(Contact, contact_id).email


async def posted(
    office: PostOffice, action: str, *, role: str = "operator", **on: str
) -> httpx.Response:
    async with browsing(office.database, office.clock) as browser:
        await browser.log_in(role)
        browser.client.cookies.set("sekvens-language", "en")
        await browser.look(f"/staff/do/{action}?contact={on.get('contact', '')}")
        return await browser.post(f"/staff/do/{action}", **on)


async def test_everything_that_is_held_is_handed_out_and_the_log_says_so_by_ids(
    office: PostOffice,
) -> None:
    whose = contact_of(office)
    reply = await posted(office, "export-contact", contact=whose)
    told = json.loads(reply.text)
    (entry,) = log_of(office.database)

    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
    assert reply.headers["content-disposition"] == f'attachment; filename="{whose}-2026-03-04.json"'
    assert told["contact"] == whose
    assert [row["email"] for row in told["tables"]["contacts"]] == [ADDRESS]
    assert (entry.action, entry.target, entry.failed) == ("export-contact", {"contact": whose},
                                                          False)  # fmt: skip
    assert "tweet" not in f"{entry.says} {entry.result}"


async def test_looking_hands_nothing_out_and_logs_nothing(office: PostOffice) -> None:
    whose = contact_of(office)
    path = f"/staff/do/export-contact?contact={whose}"
    page = await shown(office.database, office.clock, path, role="operator")

    assert f"Everything that is held of {whose} is handed out" in page
    assert ADDRESS not in page
    assert log_of(office.database) == []


@pytest.mark.parametrize(("action", "why"), [(ERASING[0], "request"), (ERASING[1], "staff")])
async def test_somebody_is_erased_after_a_question_and_there_is_a_certificate(
    office: PostOffice, action: str, why: str
) -> None:
    whose = office.contact_id
    asked, said = await acted(office.database, office.clock, f"/staff/do/{action}?contact={whose}")
    with office.database.read() as session:
        certificate = erasure_of(session, whose)
        assert certificate is not None
        state = session.get_one(Enrollment, "e-1").exit_reason or "owed"

    assert "1 enrollment ends, order mail too. This cannot be undone." in asked
    assert f"{whose} is erased (certificate {certificate.id}); 1 enrollment has ended." in said
    assert (certificate.by, certificate.why) == ("operator", why)
    assert address_of(office.database, whose) is None
    assert state in ("owed", "suppressed")


async def test_the_log_of_an_erasure_holds_ids_alone(office: PostOffice) -> None:
    whose = contact_of(office)
    await posted(office, "erase-contact", contact=whose)
    (entry,) = log_of(office.database)
    said = f"{entry.target} {entry.says} {entry.result}"

    assert whose in said
    assert not [word for word in ("anarie", "tweet", "Qvitter") if word in said]


async def test_a_certificate_stands_on_the_page_and_is_the_one_of_the_command_line(
    office: PostOffice,
) -> None:
    whose = contact_of(office)
    await posted(office, "erase-contact", contact=whose)
    page = await shown(office.database, office.clock, PAGE)
    with office.database.read() as session:
        erasure = erasure_of(session, whose)
        assert erasure is not None
        expected: Mapping[str, object] = certificate_of(erasure)
    async with browsing(office.database, office.clock) as browser:
        await browser.log_in("viewer")
        file = await browser.client.get(f"{PAGE}/{erasure.id}")
        missing = await browser.client.get(f"{PAGE}/x-nosuch")

    assert all(each in page for each in (whose, erasure.id, "they asked for it", "1 emptied"))
    assert json.loads(file.text) == expected
    assert "attachment" in file.headers["content-disposition"]
    assert missing.status_code == 404


async def test_who_is_erased_is_not_erased_again(office: PostOffice) -> None:
    whose = contact_of(office)
    await posted(office, "erase-contact", contact=whose)
    again, _ = await acted(office.database, office.clock,
                           f"/staff/do/erase-contact?contact={whose}")  # fmt: skip
    page = await shown(office.database, office.clock, f"/staff/contacts/{whose}", role="operator")

    assert "is erased already: certificate" in again
    assert len(log_of(office.database)) == 1
    assert "do/erase-contact" not in page
    assert "do/export-contact" in page


@pytest.mark.parametrize("contact", ["", "c-nobody", ADDRESS])
@pytest.mark.parametrize("action", [*ERASING, "export-contact"])
async def test_nobody_is_meant_but_by_an_id_of_ours(
    office: PostOffice, action: str, contact: str
) -> None:
    reply = await posted(office, action, contact=contact)

    assert "No contact has this id." in reply.text
    assert log_of(office.database) == []
    assert address_of(office.database, contact_of(office)) == ADDRESS


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_only_an_operator_may(office: PostOffice, role: str) -> None:
    whose = contact_of(office)
    page = await shown(office.database, office.clock, f"/staff/contacts/{whose}", role=role)
    replies = [
        await posted(office, action, role=role, contact=whose)
        for action in (*ERASING, "export-contact", "answer-request")
    ]

    assert "/staff/do/" not in page
    assert [reply.status_code for reply in replies] == [403] * 4
    assert address_of(office.database, whose) == ADDRESS


async def test_a_form_of_somebody_elses_erases_nobody(office: PostOffice) -> None:
    whose = contact_of(office)
    async with browsing(office.database, office.clock) as browser:
        await browser.log_in("operator")
        await browser.look(f"/staff/do/erase-contact?contact={whose}")
        reply = await browser.post("/staff/do/erase-contact", origin="https://evil.example",
                                   contact=whose)  # fmt: skip

    assert reply.status_code == 403
    assert address_of(office.database, whose) == ADDRESS


def ask_for(office: PostOffice, kind: RequestKind, *contact_ids: str) -> str:
    with office.database.write() as session:
        record(session, request_id="p-1", source="shopify", kind=kind, contact_ids=contact_ids,
               now=NOON)  # fmt: skip
    with office.database.read() as session:
        return session.scalars(select(PrivacyRequest.id)).one()


async def test_a_request_waits_on_the_page_until_somebody_says_that_it_is_answered(
    office: PostOffice,
) -> None:
    request = ask_for(office, RequestKind.EXPORT, contact_of(office))
    home = await shown(office.database, office.clock, "/staff")
    page = await shown(office.database, office.clock, PAGE, role="operator")
    path = f"/staff/do/answer-request?request={request}"
    asked, said = await acted(office.database, office.clock, path)
    again, _ = await acted(office.database, office.clock, path)

    assert "1 request about privacy" in home
    assert f"do/export-contact?contact={contact_of(office)}" in page
    assert "has been told what we hold of them" in asked
    assert f"{request} is answered." in said
    assert f"No request {request} is open any more." in again


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("kind", RequestKind)
async def test_every_kind_of_request_is_told(
    office: PostOffice, kind: RequestKind, language: str
) -> None:
    ask_for(office, kind)
    async with browsing(office.database, office.clock) as browser:
        await browser.log_in("viewer")
        browser.client.cookies.set("sekvens-language", language)
        page = (await browser.look(PAGE)).text
        whom = {"sv": ("hela butiken", "ingen vi känner"),
                "en": ("the whole shop", "nobody whom we know")}[language]  # fmt: skip

    assert (whom[0] if kind is RequestKind.SHOP_ERASURE else whom[1]) in page
    assert "Shopify" in page


async def test_a_long_list_says_what_it_leaves_out(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch, clock: FrozenClock
) -> None:
    monkeypatch.setattr(privacy, "SHOWN", 1)
    for whose in (contact_of(office), office.contact_id):
        await posted(office, "erase-contact", contact=whose)
    first = await shown(office.database, clock, PAGE)
    second = await shown(office.database, clock, f"{PAGE}?from=1")

    assert "1 of 2 are shown." in first
    assert "?from=1" in first
    assert "?from=" not in second
