"""The dashboard's frame: languages, roles, actions with question and log, live parts."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.errors import SekvensError
from sekvens.staff import audit
from sekvens.staff.tables import AuditEntry, Role
from sekvens.web.dashboard import pages, serving, words
from sekvens.web.dashboard.action import Action, Prospect, Refused
from sekvens.web.dashboard.addresses import is_ours
from sekvens.web.dashboard.charts import HEIGHT, Series, bar_chart, line_chart
from sekvens.web.dashboard.rendering import _environment, filters
from sekvens.web.dashboard.words import FOLDER, LANGUAGES, Words
from tests.unit.staffing import Browser, add_staff, browsing, quick_scrypt  # noqa: F401  a fixture

TEMPLATES = FOLDER.parent / "pages"
done: list[str] = []


def look(_house: object, _session: object, asked: object) -> Prospect | Refused:
    if asked.query["flow"] == "gone":  # type: ignore[attr-defined]
        return Refused(says="There is nothing to wind.")
    return Prospect(says="It winds 3 clocks <b>.", count=3)


def wind(_house: object, asked: object) -> str:
    if asked.query["flow"] == "broken":  # type: ignore[attr-defined]
        raise SekvensError("the spring is broken")
    done.append(asked.query["flow"])  # type: ignore[attr-defined]
    return "3 clocks are wound."


WIND = Action(name="wind", words="wind", role=Role.OPERATOR, look=look, do=wind, on=("flow",))


@pytest.fixture(autouse=True)
def winding(monkeypatch: pytest.MonkeyPatch) -> None:
    done.clear()
    texts = {"ask_wind": "Wind the clocks?", "do_wind": "Wind"}
    read = words._read
    monkeypatch.setattr(serving, "ACTIONS", (WIND, *serving.ACTIONS))
    monkeypatch.setattr(
        words, "_read", lambda name: {"sv": texts, "en": texts} if name == "wind" else read(name)
    )


@pytest.fixture
def staffed(sqlite_database: Database) -> Database:
    for role in Role:
        add_staff(sqlite_database, role.value, role=role)
    return sqlite_database


def log_of(database: Database) -> list[AuditEntry]:
    with database.read() as session:
        return list(audit.newest(session))


async def asks(browser: Browser, flow: str = "welcome") -> None:
    await browser.log_in("operator")
    await browser.look(f"/staff/do/wind?flow={flow}&back=/staff/audit")


async def test_an_action_asks_before_it_acts_and_stands_in_the_log(
    staffed: Database, clock: FrozenClock
):
    async with browsing(staffed, clock) as browser:
        await browser.log_in("operator")
        question = await browser.look("/staff/do/wind?flow=welcome&back=/staff/audit")
        before = (list(done), log_of(staffed))
        reply = await browser.post("/staff/do/wind", flow="welcome", back="/staff/audit")
        after = await browser.look(reply.headers["location"])

    assert "It winds 3 clocks &lt;b&gt;." in question.text
    assert before == ([], [])
    assert done == ["welcome"]
    assert reply.headers["location"] == "/staff/audit?done=1"
    assert 'role="status">3 clocks are wound.' in after.text
    (entry,) = log_of(staffed)
    assert (entry.by, entry.action, entry.target) == ("operator", "wind", {"flow": "welcome"})
    assert (entry.result, entry.failed) == ("3 clocks are wound.", False)


async def test_what_fails_says_so_and_stands_in_the_log(staffed: Database, clock: FrozenClock):
    async with browsing(staffed, clock) as browser:
        await asks(browser, "broken")
        reply = await browser.post("/staff/do/wind", flow="broken")
        after = await browser.look(reply.headers["location"])

    assert 'class="notice bad"' in after.text
    assert [(entry.result, entry.failed) for entry in log_of(staffed)] == [
        ("”the spring is broken”", True)
    ]


async def test_what_is_refused_does_nothing_and_says_why(staffed: Database, clock: FrozenClock):
    async with browsing(staffed, clock) as browser:
        await asks(browser)
        reply = await browser.post("/staff/do/wind", flow="gone")

    assert "There is nothing to wind." in reply.text
    assert (done, log_of(staffed)) == ([], [])


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_whom_the_role_does_not_allow_it_is_refused(
    staffed: Database, clock: FrozenClock, role: str
):
    async with browsing(staffed, clock) as browser:
        await browser.log_in(role)
        home = await browser.look("/staff")
        asked = await browser.client.get("/staff/do/wind?flow=welcome")
        posted = await browser.post("/staff/do/wind", flow="welcome")

    assert home.status_code == 200
    assert (asked.status_code, posted.status_code, done) == (403, 403, [])


@pytest.mark.parametrize("change", ["token", "origin", "nobody"])
async def test_an_action_is_posted_from_our_own_page_or_not_at_all(
    staffed: Database, clock: FrozenClock, change: str
):
    async with browsing(staffed, clock) as browser:
        await asks(browser)
        origin = "https://evil.example" if change == "origin" else "https://post.shop.example"
        if change == "token":
            browser.token = "0" * 64
        if change == "nobody":
            browser.client.cookies.clear()
        reply = await browser.post("/staff/do/wind", flow="welcome", origin=origin)

    assert reply.status_code == (303 if change == "nobody" else 403)
    assert (done, log_of(staffed)) == ([], [])


async def test_nobody_is_told_what_another_has_done(staffed: Database, clock: FrozenClock):
    async with browsing(staffed, clock) as browser:
        await asks(browser)
        await browser.post("/staff/do/wind", flow="welcome")
        browser.client.cookies.clear()
        await browser.log_in("viewer")
        home = await browser.look("/staff?done=1")

    assert "3 clocks are wound." not in home.text


@pytest.mark.parametrize(
    "back", ["https://evil.example", "//evil.example", "/\\evil", "/u/x", "/staff\n", "/staffing"]
)
async def test_an_action_leads_back_to_the_dashboard_and_nowhere_else(
    staffed: Database, clock: FrozenClock, back: str
):
    async with browsing(staffed, clock) as browser:
        await asks(browser)
        reply = await browser.post("/staff/do/wind", flow="welcome", back=back)
        language = await browser.client.get("/staff/language/sv", params={"back": back})

    assert reply.headers["location"] == "/staff?done=1"
    assert language.headers["location"] == "/staff"


@given(st.text())
def test_no_text_that_is_ours_leads_elsewhere(path: str):
    assert not is_ours(path) or path.startswith("/staff")


async def test_the_language_is_the_browsers_until_another_is_chosen(
    staffed: Database, clock: FrozenClock
):
    async with browsing(staffed, clock) as browser:
        await browser.log_in("viewer")
        asked = {"accept-language": "en-GB"}
        english = await browser.client.get("/staff/audit", headers=asked)
        await browser.client.get("/staff/language/sv?back=/staff/audit")
        swedish = await browser.client.get("/staff/audit", headers=asked)

    assert "<h1>Audit log</h1>" in english.text
    assert "<h1>Logg</h1>" in swedish.text


async def test_a_page_that_asks_by_itself_keeps_nobody_logged_in(
    staffed: Database, clock: FrozenClock
):
    async with browsing(staffed, clock) as browser:
        await browser.log_in("viewer")
        codes = []
        for _ in range(4):
            clock.move(timedelta(minutes=9))
            reply = await browser.client.get("/staff", headers={"hx-trigger": "live"})
            codes.append(reply.status_code)

    assert codes == [200, 200, 200, 204]
    assert reply.headers["hx-redirect"] == "/staff/login"


async def test_what_is_live_is_on_the_page(staffed: Database, clock: FrozenClock):
    async with browsing(staffed, clock) as browser:
        await browser.log_in("operator")
        for page in pages.PAGES:
            if page.live and "{" not in page.path:
                text = (await browser.look(page.path)).text
                assert [i for i in page.live if f'id="{i}"' not in text] == [], page.path


async def test_nothing_stands_inline_on_a_page(staffed: Database, clock: FrozenClock):
    async with browsing(staffed, clock) as browser:
        await browser.log_in("operator")
        replies = [await browser.look(p.path) for p in pages.PAGES if "{" not in p.path]

    for reply in replies:
        assert "unsafe" not in reply.headers["content-security-policy"]
        assert not re.search(
            r"<style|\sstyle=|\son\w+=|<script(?! src=\"/staff/static/)", reply.text
        )


async def test_without_the_database_the_frame_says_so(
    staffed: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
):
    async with browsing(staffed, clock) as browser:
        await browser.log_in("viewer")
        with staffed.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE staff_sessions")
        reply = await browser.client.get("/staff", headers={"accept-language": "en"})

    assert reply.status_code == 503
    assert "The database did not answer." in reply.text


@pytest.mark.parametrize("name", ["../words.py", "dashboard.py", "..%2fwords.py", "x.css"])
async def test_no_other_file_is_served(staffed: Database, clock: FrozenClock, name: str):
    async with browsing(staffed, clock) as browser:
        reply = await browser.client.get(f"/staff/static/{name}")

    assert reply.status_code == 404


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.toml")), ids=lambda file: file.stem)
def test_every_language_says_what_every_other_says(file: Path):
    texts = words._read(file.stem)
    places = {
        language: {
            key: sorted(set(re.findall(r"\{\w+\}", str(text))))
            for key, text in texts[language].items()
        }
        for language in LANGUAGES
    }

    assert set(texts) == set(LANGUAGES)
    assert places["sv"] == places["en"]


@pytest.mark.parametrize("file", sorted(TEMPLATES.glob("*.html")), ids=lambda file: file.name)
def test_every_word_of_a_template_is_there(file: Path):
    tree = _environment("sv", "UTC", "SEK").parse(file.read_text(encoding="utf-8"))
    said = {
        node.attr
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "t"
    }
    name = file.stem if (FOLDER / f"{file.stem}.toml").exists() else "said"

    known = Words(name, "sv")
    missing = {key for key in said - {"language", "of", "has", "page"} if not known.has(key)}
    assert missing == set()


def test_numbers_are_written_as_each_language_writes_them():
    written = {
        language: {
            name: write(value).replace("\N{NO-BREAK SPACE}", " ")
            for name, value in {"number": 1234.5, "percent": 0.125, "money": 1299}.items()
            for write in [filters(language, zone="Europe/Stockholm", currency="SEK")[name]]
        }
        for language in LANGUAGES
    }

    assert written["sv"] == {"number": "1 234,5", "percent": "12,5 %", "money": "1 299 kr"}
    assert written["en"]["number"] == "1,234.5"


def test_below_nothing_a_line_goes_below_the_axis_and_stays_in_the_drawing():
    chart = line_chart("NPS", ["a", "b"], [Series(name="NPS", values=[50, -50])],
                       write=lambda value: f"{value:g}", table="As a table")  # fmt: skip
    (axis,) = re.findall(r"y1='([\d.]+)'", chart)
    (points,) = re.findall(r"points='([^']+)'", chart)

    heights = [float(point.split(",")[1]) for point in points.split()]
    assert heights[0] < float(axis) < heights[1] < HEIGHT


def test_a_chart_has_a_table_with_every_value_and_escapes_names():
    chart = line_chart(
        "Sent <b>", ["w1", "w2", "w3"], [Series(name="<i>", values=[1, None, 3])],
        write=lambda value: "-" if value is None else f"{value:g}", table="As a table",
    )  # fmt: skip
    bars = bar_chart("By step", ["a"], [2.0], write=lambda value: f"{value}", table="As a table")

    assert "<b>" not in chart
    assert "<i>" not in chart
    assert re.findall(r"<td class='num'>(.*?)</td>", chart) == ["1", "-", "3"]
    assert chart.count("<polyline") == 2
    assert "style=" not in chart + bars


def test_where_all_is_nothing_the_line_lies_on_the_ground():
    chart = line_chart(
        "Sent", ["w1", "w2"], [Series(name="Sent", values=[0, 0])], write=str, table="As a table"
    )

    ground = re.findall(r"y1='([\d.]+)'", chart)
    assert re.findall(r",([\d.]+)", re.findall(r"points='([^']+)'", chart)[0]) == ground * 2


@pytest.mark.parametrize("given", ["\N{SUPERSCRIPT TWO}", "1" * 40, "-1", "x", ""])
async def test_a_number_that_is_none_is_as_good_as_none(
    staffed: Database, clock: FrozenClock, given: str
):
    async with browsing(staffed, clock) as browser:
        await browser.log_in("viewer")
        replies = [
            await browser.client.get("/staff/audit", params={name: given})
            for name in ("before", "done")
        ]

    assert [reply.status_code for reply in replies] == [200, 200]
