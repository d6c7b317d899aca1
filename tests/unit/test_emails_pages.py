"""The pages of e-mails: what they show to whom, what they keep, and what a frame may do."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.edits import examining, previewing
from sekvens.messages.compose import Composed, compose
from sekvens.messages.facts import Facts
from sekvens.messages.templates import StoredTemplate
from sekvens.shop import Shop
from sekvens.staff import accounts
from sekvens.staff.tables import Role
from tests.conftest import NOON
from tests.unit.editing import NAME, Repository
from tests.unit.staffing import Browser, add_staff, browsing, quick_scrypt  # noqa: F401  a fixture

PATH = f"/staff/emails/{NAME}"
ENGLISH = {"accept-language": "en"}


@pytest.fixture(autouse=True)
def composed_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Compose edits here, and tell of which templates: the limited process takes a second."""
    edited: list[str] = []

    def foreign(template: StoredTemplate, facts: Facts, *, shop: Shop) -> Composed:
        edited.append(template.digest)
        return compose(template, facts, shop=shop)

    monkeypatch.setattr(previewing, "compose_foreign", foreign)
    monkeypatch.setattr(
        examining,
        "compose_all_foreign",
        lambda template, facts, *, shop: [foreign(template, each, shop=shop) for each in facts],
    )
    return edited


@pytest.fixture
def repository(sqlite_database: Database, tmp_path: Path) -> Repository:
    for role in Role:
        add_staff(sqlite_database, role.value, role=role)
    repository = Repository(sqlite_database, tmp_path)
    repository.publish()
    return repository


def contact(repository: Repository, first_name: str = "Elsa") -> str:
    with repository.database.write() as session:
        session.add(
            Contact(
                id="c-elsa", email="elsa.lindqvist@example.com", first_name=first_name,
                locale="sv", traits={}, traits_at={}, created_at=NOON, updated_at=NOON,
            )
        )  # fmt: skip
    return "c-elsa"


def seen_of(page: str) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


async def keeps(browser: Browser, text: str, *, seen: str | None = None) -> str:
    """Keep a text as the edit page does; tells the page that comes back."""
    page = await browser.look(f"{PATH}/edit?key=sv")
    reply = await browser.post(
        f"{PATH}/edit", key="sv", source=text, seen=seen or seen_of(page.text)
    )
    return reply.text


async def test_the_gallery_shows_each_e_mail_of_a_flow_in_both_languages(
    repository: Repository, clock: FrozenClock
):
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("viewer")
        pages = [
            (await browser.client.get(f"/staff/emails?locale={locale}", headers=ENGLISH)).text
            for locale in ("sv", "en")
        ]

    assert "Någon fryser lite mindre, tack vare dig" in pages[0]
    assert f'src="{PATH}/html?key=sv"' in pages[0]
    assert 'loading="lazy" sandbox' in pages[0]
    assert f'src="{PATH}/html?key=en"' in pages[1]


async def test_for_the_gallery_no_e_mail_is_made(
    repository: Repository, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
):
    made: list[StoredTemplate] = []
    monkeypatch.setattr(previewing, "compose", lambda template, *_, **__: made.append(template))
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("viewer")
        page = await browser.client.get("/staff/emails?flow=all&locale=sv")

    assert "Någon fryser lite mindre, tack vare dig" in page.text
    assert made == []


async def test_what_was_edited_is_read_apart_for_the_gallery_too(
    repository: Repository, clock: FrozenClock, composed_here: list[str]
):
    # Words of its own: where another test has published the same, they are the repository's.
    repository.save(repository.edited("Vi ses i hagen."))
    repository.publish_edit()
    composed_here.clear()
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("viewer")
        page = await browser.client.get("/staff/emails?flow=all&locale=sv")

    assert "Någon fryser lite mindre, tack vare dig" in page.text
    assert len(composed_here) == 1


@pytest.mark.parametrize(
    ("language", "said"), [("en", "No flow is live yet"), ("sv", "Inget flöde")]
)
async def test_without_a_flow_it_says_so(
    sqlite_database: Database, clock: FrozenClock, language: str, said: str
):
    add_staff(sqlite_database, "viewer")
    async with browsing(sqlite_database, clock) as browser:
        await browser.log_in("viewer")
        page = await browser.client.get("/staff/emails", headers={"accept-language": language})

    assert said in page.text


async def test_an_e_mail_in_its_frame_can_do_nothing(repository: Repository, clock: FrozenClock):
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("viewer")
        day = await browser.client.get(f"{PATH}/html?key=sv")
        night = await browser.client.get(f"{PATH}/html?key=sv&light=dark")

    policy = day.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert policy.endswith("sandbox")
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert (
        re.search(r"img-src data: https://post\.shop\.example(?: |;)", policy)
        or "<img" not in day.text
    )
    assert "color-scheme: dark" not in day.text
    assert "@media all" in night.text


@pytest.mark.parametrize(
    "path", ["welcome/hello", f"{NAME}?key=de", f"{NAME}?as=c-nobody", f"{NAME}/html?as=../x"]
)
async def test_what_is_not_there_is_not_found(
    repository: Repository, clock: FrozenClock, path: str
):
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("viewer")
        reply = await browser.client.get(f"/staff/emails/{path}")

    assert reply.status_code == 404


async def test_a_viewer_edits_nothing_and_is_offered_nothing(
    repository: Repository, clock: FrozenClock
):
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("viewer")
        page = await browser.look(PATH)
        edit = await browser.client.get(f"{PATH}/edit")
        posted = await browser.post(f"{PATH}/edit", key="sv", source="x", seen="")
        action = await browser.client.get(f"/staff/do/publish-email?email={NAME}")

    assert "/edit" not in page.text
    assert [reply.status_code for reply in (edit, posted, action)] == [403, 403, 403]


async def test_an_edit_is_kept_shown_and_published_with_a_note(
    repository: Repository, clock: FrozenClock, composed_here: list[str]
):
    text = repository.edited("Vi ses i vår.")
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("editor")
        page = await keeps(browser, text)
        shown = await browser.client.get(f"{PATH}/html?key=sv&text=edit")
        live = await browser.client.get(f"{PATH}/html?key=sv")
        link = re.search(r'href="(/staff/do/publish-email\?[^"]+)"', page)
        assert link is not None
        question = await browser.look(link[1].replace("&amp;", "&"))
        seen = re.search(r'name="seen" value="([0-9a-f]+)"', question.text)
        assert seen is not None
        await browser.post("/staff/do/publish-email", email=NAME, seen=seen[1], note="vårligare")
        history = await browser.client.get(f"{PATH}/history", headers=ENGLISH)

    assert "Vi ses i vår." in shown.text
    assert "Vi ses i vår." not in live.text
    assert repository.live() == (2, text)
    assert composed_here  # an edit is never composed where others are
    assert "By editor: vårligare" in history.text
    assert '<span class="added">+Vi ses i vår.' in history.text


async def test_a_fault_is_told_beside_and_nothing_is_offered_to_be_published(
    repository: Repository, clock: FrozenClock
):
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("editor")
        page = await keeps(browser, repository.edited("{{ nosuch }} <script>"))

    assert re.search(r"sv\.md, line \d+: .*nosuch", page)
    assert "/staff/do/publish-email" not in page
    assert "<script>" not in page.replace('<script src="/staff/static/', "")


async def test_a_text_is_kept_over_none_that_its_author_has_not_seen(
    repository: Repository, clock: FrozenClock
):
    mine, theirs = repository.edited("Mitt."), repository.edited("Deras.")
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("editor")
        seen = seen_of((await browser.look(f"{PATH}/edit?key=sv")).text)
        await keeps(browser, theirs)
        page = await keeps(browser, mine, seen=seen)
        after = (await browser.look(f"{PATH}/edit?key=sv")).text

    assert 'role="alert"' in page
    assert "Mitt." in page
    assert "Deras." in after


async def test_no_address_keeps_a_text(repository: Repository, clock: FrozenClock):
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("editor")
        seen = seen_of((await browser.look(f"{PATH}/edit?key=sv")).text)
        query = {"key": "sv", "source": repository.edited("Lurat."), "seen": seen}
        await browser.client.get(f"{PATH}/edit", params=query)
        page = await browser.look(f"{PATH}/edit?key=sv")

    assert "Lurat." not in page.text


async def test_somebody_is_found_by_address_and_named_by_id_in_the_address(
    repository: Repository, clock: FrozenClock
):
    contact_id = contact(repository, "<script>Elsa")
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("viewer")
        await browser.look(PATH)
        reply = await browser.post(PATH, key="sv", whom="elsa.lindqvist@example.com")
        shown = await browser.client.get(f"{PATH}/html?key=sv&as={contact_id}")

    assert f"as={contact_id}" in reply.headers["location"]
    assert "elsa" not in reply.headers["location"].replace(contact_id, "")
    assert "&lt;script&gt;Elsa" in shown.text
    assert "<script" not in shown.text


async def test_a_click_in_what_is_looked_at_does_nothing_for_the_contact(
    repository: Repository, clock: FrozenClock
):
    contact_id = contact(repository)
    async with browsing(repository.database, clock) as browser:
        await browser.log_in("viewer")
        shown = await browser.client.get(f"{PATH}/html?key=sv&as={contact_id}")
        links = set(re.findall(r'href="https://post\.shop\.example(/[up]/[^"]+)"', shown.text))
        codes = {(await browser.client.get(link)).status_code for link in links}

    assert links
    assert codes == {404}


async def test_a_test_goes_to_the_accounts_own_address_alone(
    repository: Repository, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
):
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "sekvens.web.dashboard.email_actions.send_test",
        lambda made, to, _settings: sent.append((made.subject, to)),
    )
    asked = {"email": NAME, "key": "sv", "to": "elsa@kund.example"}
    allowed = {"SEKVENS_SENDING__ALLOW_LIST": "doris@shop.example"}
    async with browsing(repository.database, clock, **allowed) as browser:
        await browser.log_in("editor")
        refused = await browser.look(f"/staff/do/test-email?email={NAME}&key=sv")
        with repository.database.write() as session:
            accounts.write_to(
                session, "editor", email="doris@shop.example", language=None, monday=None
            )
        await browser.look(f"/staff/do/test-email?email={NAME}&key=sv")
        await browser.post("/staff/do/test-email", **asked)
        log = await browser.client.get("/staff/audit", headers=ENGLISH)

    assert "staff write-to editor" in refused.text
    assert sent == [("Någon fryser lite mindre, tack vare dig", "doris@shop.example")]
    assert "@" not in log.text
