"""The page of reviews: what waits to be read comes first, and editors decide."""

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.products.tables import Product
from sekvens.reviews.tables import Review
from sekvens.staff import audit
from sekvens.staff.tables import Role
from sekvens.web.dashboard import reviews
from tests.unit.ingesting import NOON, Shop, identify, track
from tests.unit.staffing import Browser, add_staff, browsing, quick_scrypt  # noqa: F401  a fixture
from tests.unit.test_dashboard_knowing import acted, shown

PAGE = "/staff/reviews"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def staffed(database: Database) -> Database:
    for role in Role:
        add_staff(database, role.value, role=role)
    with database.write() as session:
        session.add(Product(id="hat", titles={"sv": "Hatt", "en": "Hat"}, locale="sv",
                            first_seen_on=NOON))  # fmt: skip
    return database


def write(database: Database, *numbers: int, **more: object) -> Shop:
    """Let contacts write reviews, the higher the number, the longer ago."""
    shop = Shop(database)
    for number in numbers:
        said = {"product_id": "hat", "rating": 4, "review_body": f"Varm nr {number}."} | more
        shop.post(
            identify(f"u{number}", firstName="Karin", lastName="Svensson"),
            track("Product Reviewed", f"u{number}", ago=number, review_id=f"r{number}", **said),
        )
    return shop


def states(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {row.id: row.state for row in session.scalars(select(Review))}


def asking(action: str, *review_ids: str, clock: FrozenClock) -> str:
    asked = [("review", each) for each in review_ids]
    until = ("until", str(int(clock.now().timestamp())))
    return f"/staff/do/{action}?{urlencode([*asked, until])}"


async def decided(
    database: Database, clock: FrozenClock, path: str, chosen: Sequence[str], **form: object
) -> str:
    """Ask and decide about several at once, as a browser posts what was ticked."""
    async with browsing(database, clock) as browser:
        await browser.log_in("editor")
        browser.client.cookies.set("sekvens-language", "en")
        question = await browser.look(path)
        for each in chosen:
            assert f'name="review" value="{each}"' in question.text
        reply = await _post(browser, path.partition("?")[0], review=list(chosen), **form)
        return " ".join((await browser.look(reply.headers.get("location", PAGE))).text.split())


async def _post(browser: Browser, path: str, **form: object):  # type: ignore[no-untyped-def]
    data = {"form_token": browser.token} | form
    return await browser.client.post(path, data=data, headers={"Origin": _ORIGIN})


_ORIGIN = "https://post.shop.example"


async def test_what_waits_to_be_read_comes_first_the_oldest_on_top(
    staffed: Database, clock: FrozenClock
) -> None:
    write(staffed, 1, 3, 2)
    page = await shown(staffed, clock, PAGE, role="editor")

    assert page.index("Varm nr 3.") < page.index("Varm nr 2.") < page.index("Varm nr 1.")
    assert "to read (3)" in page
    assert "by Karin S." in page
    assert "Svensson" not in page
    assert "4 of 5" in page
    assert "> <span>Hat</span>" in page


async def test_an_approved_review_may_be_shown_and_stands_in_the_log(
    staffed: Database, clock: FrozenClock
) -> None:
    write(staffed, 1, 2)
    path = asking("approve-reviews", "r1", clock=clock)
    asked, said = await acted(staffed, clock, path, role="editor")
    with staffed.read() as session:
        (entry,) = audit.newest(session)

    assert "1 review may stand in e-mails from now on." in asked
    assert "1 review is approved." in said
    assert states(staffed) == {"r1": "approved", "r2": "pending"}
    assert (entry.by, entry.action, entry.target["review"]) == ("editor", "approve-reviews", "r1")
    assert "Varm" not in f"{entry.says} {entry.result} {entry.target}"


async def test_many_are_decided_at_once_and_no_others(
    staffed: Database, clock: FrozenClock
) -> None:
    write(staffed, 1, 2, 3)
    path = asking("reject-reviews", "r1", "r3", clock=clock)
    until = str(int(clock.now().timestamp()))
    said = await decided(staffed, clock, path, ["r1", "r3"], until=until)

    assert "2 reviews are rejected." in said
    assert states(staffed) == {"r1": "rejected", "r2": "pending", "r3": "rejected"}


async def test_a_decision_may_be_taken_back(staffed: Database, clock: FrozenClock) -> None:
    write(staffed, 1)
    await acted(staffed, clock, asking("approve-reviews", "r1", clock=clock), role="editor")
    page = await shown(staffed, clock, f"{PAGE}?state=approved", role="editor")
    await acted(staffed, clock, asking("reject-reviews", "r1", clock=clock), role="editor")

    assert "do/reject-reviews" in page
    assert "do/approve-reviews" not in page
    assert states(staffed) == {"r1": "rejected"}


async def test_what_its_author_has_changed_since_the_page_is_not_shown_unread(
    staffed: Database, clock: FrozenClock
) -> None:
    write(staffed, 1)
    path = asking("approve-reviews", "r1", clock=clock)
    with staffed.write() as session:
        row = session.get_one(Review, "r1")
        row.text, row.changed_at = "Köp hos evil.example!", clock.now() + MINUTE
    asked, _ = await acted(staffed, clock, path, role="editor")

    assert "their authors have changed what they say" in asked
    assert states(staffed) == {"r1": "pending"}


@pytest.mark.parametrize("chosen", [(), ("nosuch",)])
async def test_who_has_chosen_nothing_is_told_so(
    staffed: Database, clock: FrozenClock, chosen: tuple[str, ...]
) -> None:
    write(staffed, 1)
    asked, _ = await acted(
        staffed, clock, asking("approve-reviews", *chosen, clock=clock), role="editor"
    )

    assert ("No review was chosen." if not chosen else "Somebody has decided") in asked
    assert states(staffed) == {"r1": "pending"}


async def test_a_viewer_reads_and_decides_nothing(staffed: Database, clock: FrozenClock) -> None:
    write(staffed, 1)
    page = await shown(staffed, clock, PAGE)
    async with browsing(staffed, clock) as browser:
        await browser.log_in("viewer")
        replies = [
            await browser.client.get(asking(name, "r1", clock=clock))
            for name in ("approve-reviews", "reject-reviews")
        ]

    assert "Varm nr 1." in page
    assert "/staff/do/" not in page
    assert "checkbox" not in page
    assert [reply.status_code for reply in replies] == [403, 403]


@pytest.mark.parametrize("state", ["pending", "approved", "rejected", "nonsense"])
async def test_where_there_is_none_it_is_said(
    staffed: Database, clock: FrozenClock, state: str
) -> None:
    page = await shown(staffed, clock, f"{PAGE}?state={state}")

    assert 'class="empty"' in page


async def test_a_page_is_bounded_and_the_rest_comes_after_it(
    staffed: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviews, "SHOWN", 2)
    write(staffed, 1, 2, 3)
    first = await shown(staffed, clock, PAGE, role="editor")
    second = await shown(staffed, clock, f"{PAGE}?from=2", role="editor")

    assert "2 of 3 are shown." in first
    assert "from=2" in first
    assert "Varm nr 1." in second
    assert "Varm nr 3." not in second


async def test_what_a_customer_wrote_is_shown_and_never_run(
    staffed: Database, clock: FrozenClock
) -> None:
    write(staffed, 1, review_body="Bra & <varm", product_id='"><script>')
    page = await shown(staffed, clock, PAGE, role="editor")

    assert "Bra &amp;" in page
    assert '"><script>' not in page


async def test_the_overview_counts_them_and_leads_there(
    staffed: Database, clock: FrozenClock
) -> None:
    before = await shown(staffed, clock, "/staff")
    write(staffed, 1, 2)
    page = await shown(staffed, clock, "/staff")

    assert PAGE not in before.partition('id="waiting"')[2]
    assert '<a href="/staff/reviews">2 reviews to read</a>' in page
    assert '<dt>Needs a person</dt><dd><a href="#waiting">2</a></dd>' in page
