"""Take the pictures of the documentation anew: `.venv/bin/python docs/pictures/make.py`.

Names behind it (`waiting branch`) take those alone.
A demo of its own runs for them, on free ports, in a folder that is deleted. Nothing is retouched.
Look at each picture before you commit it, and keep it below `BYTES_MAX`.
"""  # noqa: INP001  a script beside its pictures, and no package

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

PICTURES = Path(__file__).resolve().parent
ROOT = PICTURES.parents[1]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
BYTES_MAX = 150_000

#: Slow enough that a purchase in mid-wait is seen as one in a timeline, on a busy machine too.
DAY_SECONDS = 6
DEMO_SECONDS = 900
STORY_SECONDS_MAX = 300
#: A busy machine takes its time with Temporal's pages.
PAGE_SECONDS_MAX = 150

#: An enrollment with something to tell: e-mails, waits, and an exit in the middle of a long one.
STORY = """
    SELECT e.workflow_id FROM enrollments e JOIN contacts c ON c.id = e.contact_id
    JOIN messages m ON m.enrollment_id = e.id AND m.state = 'accepted'
    WHERE e.flow = 'welcome' AND e.exit_reason = 'converted' AND c.timezone = 'Europe/Stockholm'
    GROUP BY e.id
    HAVING count(*) = 3 AND julianday(e.ended_at) - julianday(max(m.sent_on)) > 1
    LIMIT 1
"""
CONVERTED = 'ExitReason = "converted"'
#: One in the midst of a wait that is long enough for its picture to be taken.
WAITING = """
    SELECT e.workflow_id FROM enrollments e
    WHERE e.flow IN ('post-purchase-first', 'winback') AND e.state = 'active'
    AND e.step_id LIKE 'until-%' ORDER BY e.started_at DESC LIMIT 1
"""
#: One that nobody's look at the cart has led to the branch in which the lot decides.
IN_A_BRANCH = """
    SELECT e.workflow_id FROM enrollments e JOIN messages m ON m.enrollment_id = e.id
    WHERE e.flow = 'cart-abandonment' AND m.state = 'accepted'
    AND m.step_id IN ('just-a-letter', 'the-ride-is-free', 'a-small-nudge', 'something-extra')
    ORDER BY e.started_at DESC LIMIT 1
"""
#: Carts that e-mails are still to speak of: these are taken away.
CARTS = """
    SELECT e.contact_id, e.entry_key FROM enrollments e
    WHERE e.flow = 'cart-abandonment' AND e.state = 'active'
    AND e.step_id IN ('until-day-one', 'until-day-two') LIMIT 5
"""
#: Somebody who got e-mails of the flow that they entered last.
SOMEBODY = """
    SELECT e.contact_id FROM enrollments e JOIN messages m ON m.enrollment_id = e.id
    WHERE e.flow IN ('cart-abandonment', 'welcome', 'checkout-abandonment')
    AND NOT EXISTS (SELECT 1 FROM enrollments o WHERE o.contact_id = e.contact_id
        AND o.id <> e.id AND o.started_at >= e.started_at)
    GROUP BY e.id HAVING sum(m.state = 'accepted') >= 3 ORDER BY e.state = 'ended' LIMIT 1
"""
#: A quarter of the board in which something can be said.
COUNTED = """
    SELECT name FROM metric_counts WHERE name = 'cart' GROUP BY name HAVING sum(n) > 300
"""
#: E-mails of a flow are counted already.
SENT = "() => document.querySelectorAll('#now dd:not(.note)')[1].innerText !== '0'"
#: A day on which e-mails have gone out, and orders have come.
A_GOOD_DAY = """
    () => document.querySelectorAll('#today dd:not(.note)')[1].innerText !== '0'
        && !document.querySelector('#today').innerText.includes('of SEK 0')
"""
EXPERIMENT = """
    SELECT d.experiment FROM draws d JOIN experiments e ON e.name = d.experiment
    WHERE d.experiment LIKE '%/%' GROUP BY d.experiment HAVING count(*) >= 10
    ORDER BY count(*) DESC LIMIT 1
"""
PARKED = """
    SELECT e.workflow_id FROM enrollments e WHERE e.state = 'parked' LIMIT 1
"""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A demo that is running."""

    inbox_url: str
    workflows_url: str
    dashboard_url: str
    account: tuple[str, str]  #: a name and its password
    database: Path

    def find(self, query: str, *, seconds_max: float) -> str:
        """Wait for an enrollment that answers a query; tell its workflow id."""
        deadline = time.monotonic() + seconds_max
        while time.monotonic() < deadline:
            with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
                found = connection.execute(query).fetchone()
            if found:
                return str(found[0])
            time.sleep(1)
        raise SystemExit(f"no enrollment answers within {seconds_max:g} s: {query}")

    def lose_carts(self) -> None:
        """Take carts away that e-mails are to speak of, so that their enrollments are parked."""
        with closing(sqlite3.connect(self.database, timeout=20)) as connection, connection:
            for contact_id, cart_id in connection.execute(CARTS).fetchall():
                whose = (contact_id, cart_id)
                connection.execute("DELETE FROM carts WHERE contact_id = ? AND cart_id = ?", whose)

    def find_parked(self, *, seconds_max: float) -> str:
        """Take carts away until somebody is parked for it; tell the workflow id."""
        deadline = time.monotonic() + seconds_max
        while True:
            self.lose_carts()
            try:
                return self.find(PARKED, seconds_max=4)
            except SystemExit:
                if time.monotonic() > deadline:
                    raise


def main(*names: str) -> int:
    """Take every picture, or those named; the exit code says whether all are small enough."""
    unknown = set(names) - set(TAKERS)
    if unknown:
        raise SystemExit(
            f"no picture is called {', '.join(unknown)}; there are {', '.join(TAKERS)}"
        )
    with running_demo() as demo, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": 1440, "height": 1300},
            color_scheme="light",
            locale="en-GB",
            timezone_id="UTC",
        )
        page = context.new_page()
        page.set_default_timeout(PAGE_SECONDS_MAX * 1000)
        for name, take in TAKERS.items():
            if name in names or not names:
                take(page, demo)
        browser.close()
    large = [path.name for path in PICTURES.glob("*.png") if path.stat().st_size > BYTES_MAX]
    sys.stdout.write(f"too large: {', '.join(large)}\n" if large else "the pictures are taken\n")
    return 1 if large else 0


def take_waiting(page: Page, demo: Demo) -> None:
    """One in the midst of a wait, which says until when."""
    workflow_id = demo.find(WAITING, seconds_max=STORY_SECONDS_MAX)
    take_details(page, demo, workflow_id, says=re.compile("^waits in .* until "), to="waiting.png")


def take_parked(page: Page, demo: Demo) -> None:
    """One that waits for a person, and says why."""
    workflow_id = demo.find_parked(seconds_max=STORY_SECONDS_MAX)
    take_details(page, demo, workflow_id, says=re.compile("^parked: "), to="parked.png")


def take_enrollment(page: Page, demo: Demo) -> None:
    """An enrollment's timeline, from its first e-mail to the purchase that ends it."""
    workflow_id = demo.find(STORY, seconds_max=STORY_SECONDS_MAX)
    page.set_viewport_size({"width": 1440, "height": 1300})
    page.goto(f"{demo.workflows_url}/{quote(workflow_id, safe='')}")
    page.get_by_text("finish_enrollment").first.wait_for()
    page.wait_for_timeout(2500)
    page.screenshot(path=PICTURES / "enrollment.png", clip=_content(page, top=56, height=1000))


def take_list(page: Page, demo: Demo) -> None:
    """The workflows that ended because of a purchase, as a filter finds them."""
    page.set_viewport_size({"width": 1280, "height": 620})
    page.goto(f"{demo.workflows_url}?query={quote(CONVERTED)}")
    page.locator("a[href*='welcome%2Fc-']").first.wait_for()
    page.wait_for_timeout(1500)
    page.screenshot(path=PICTURES / "enrollments.png", clip=_content(page, top=56, height=564))


def take_branch(page: Page, demo: Demo) -> None:
    """The timeline of an enrollment that went one of two ways."""
    workflow_id = demo.find(IN_A_BRANCH, seconds_max=STORY_SECONDS_MAX)
    page.set_viewport_size({"width": 1440, "height": 2400})
    page.goto(f"{demo.workflows_url}/{quote(workflow_id, safe='')}")
    page.get_by_text("which-incentive").last.wait_for()
    page.wait_for_timeout(2500)
    heading = page.get_by_role("heading", name="Timeline").last.bounding_box()
    top = heading["y"] - 20 if heading else 700
    page.screenshot(path=PICTURES / "branch.png", clip=_content(page, top=top, height=640))


def take_details(
    page: Page, demo: Demo, workflow_id: str, *, says: re.Pattern[str], to: str
) -> None:
    """What an enrollment says of itself, in words, once it says this."""
    page.set_viewport_size({"width": 1440, "height": 1100})
    page.goto(f"{demo.workflows_url}/{quote(workflow_id, safe='')}")
    page.get_by_role("link", name="User Metadata").or_(
        page.get_by_role("tab", name="User Metadata")
    ).first.click()
    for _ in range(PAGE_SECONDS_MAX):
        page.wait_for_timeout(1000)
        # Temporal's UI shows what a workflow says of itself in a frame of its own.
        if any(frame.get_by_text(says).count() for frame in page.frames):
            break
    else:
        raise SystemExit(f"{workflow_id} does not say {says.pattern!r} any more: take {to} again")
    page.wait_for_timeout(1500)
    page.screenshot(path=PICTURES / to, clip=_content(page, top=56, height=1000))


def take_inbox(page: Page, demo: Demo) -> None:
    """The local SES's inbox, newest first."""
    page.set_viewport_size({"width": 1100, "height": 660})
    page.goto(demo.inbox_url)
    page.wait_for_timeout(1000)
    page.screenshot(path=PICTURES / "inbox.png")


def take_email(page: Page, demo: Demo) -> None:
    """One e-mail, as the inbox shows it."""
    page.set_viewport_size({"width": 900, "height": 1000})
    page.goto(f"{demo.inbox_url}/?q=your-cart-misses-you")
    page.get_by_text("Your basket").first.click()
    page.wait_for_timeout(1500)
    page.screenshot(path=PICTURES / "email.png")


def log_in(page: Page, demo: Demo, *, width: int, height: int) -> None:
    """Be at the dashboard, as the demo's own member of the staff."""
    page.set_viewport_size({"width": width, "height": height})
    page.goto(demo.dashboard_url)
    if page.url.endswith("/login"):
        name, password = demo.account
        page.fill("#name", name)
        page.fill("#password", password)
        with page.expect_navigation():
            page.keyboard.press("Enter")


def take_page(
    path: str, to: str, *, width: int = 1240, height: int = 900, at: str = "", once: str = ""
) -> Callable[[Page, Demo], None]:
    """Make what takes a page of the dashboard, from the top or from an element on it.

    `once`: not before this holds, of a page that renews itself.
    """

    def take(page: Page, demo: Demo) -> None:
        log_in(page, demo, width=width, height=height)
        page.goto(f"{demo.dashboard_url}{path}")
        if once:
            page.wait_for_function(once)
        if at:
            page.locator(at).first.evaluate("element => element.scrollIntoView()")
        page.wait_for_timeout(1500)
        page.screenshot(path=PICTURES / to)

    return take


def take_contact(page: Page, demo: Demo) -> None:
    """A contact with something to tell: what they got and did not get, and why."""
    contact_id = demo.find(SOMEBODY, seconds_max=STORY_SECONDS_MAX)
    take_page(f"/contacts/{contact_id}", "dashboard-contact.png")(page, demo)


def take_board(page: Page, demo: Demo) -> None:
    """The quarterly board, once something has been counted."""
    demo.find(COUNTED, seconds_max=STORY_SECONDS_MAX)
    take_page("/board", "dashboard-board.png", at=".sheet + .sheet")(page, demo)


def take_experiment(page: Page, demo: Demo) -> None:
    """The experiment that most contacts have come to."""
    name = demo.find(EXPERIMENT, seconds_max=STORY_SECONDS_MAX)
    take_page(f"/experiments/{quote(name)}", "dashboard-experiment.png")(page, demo)


#: By name, in the order in which the demo has them.
TAKERS = {
    "waiting": take_waiting,
    "branch": take_branch,
    "parked": take_parked,
    "enrollment": take_enrollment,
    "enrollments": take_list,
    "inbox": take_inbox,
    "email": take_email,
    "contact": take_contact,
    "flow": take_page("/flows/cart-abandonment", "dashboard-flow.png", at="#now", once=SENT),
    "emails": take_page("/emails?flow=welcome&locale=en", "dashboard-emails.png", height=800),
    "experiment": take_experiment,
    "board": take_board,
    "overview": take_page("", "dashboard-overview.png", once=A_GOOD_DAY),
    "phone": take_page("/operations", "dashboard-phone.png", width=390, height=844),
}


@contextmanager
def running_demo() -> Iterator[Demo]:
    """Run a demo on free ports until its pictures are taken."""
    with tempfile.TemporaryDirectory() as folder:
        data, log = Path(folder) / "demo", Path(folder) / "log"
        command = [
            *(sys.executable, "starter.py", "demo", "--data", str(data)),
            *("--day", str(DAY_SECONDS), "--for", str(DEMO_SECONDS)),
        ]
        with log.open("w") as written:
            process = subprocess.Popen(  # noqa: S603  our own command
                command, cwd=ROOT, stdout=written, stderr=subprocess.STDOUT
            )
        try:
            yield _ready(process, log, data)
        finally:
            process.terminate()
            process.wait()


def _ready(process: subprocess.Popen[bytes], log: Path, data: Path) -> Demo:
    while process.poll() is None:
        text = log.read_text(encoding="utf-8")
        inbox = re.search(r"Inbox +(http://\S+)", text)
        workflows = re.search(r"Temporal +(http://\S+)", text)
        dashboard = re.search(r"Dashboard +(http://\S+)\s+\(name: (\S+), password: (.+?)\)", text)
        if inbox and workflows and dashboard:
            return Demo(
                inbox_url=inbox[1],
                workflows_url=workflows[1],
                dashboard_url=dashboard[1],
                account=(dashboard[2], dashboard[3]),
                database=data / "sekvens.db",
            )
        time.sleep(0.5)
    raise SystemExit(f"the demo did not start:\n{log.read_text(encoding='utf-8')}")


def _content(page: Page, *, top: float, height: float) -> dict[str, float]:
    """Leave out Temporal's own navigation on the left."""
    width = (page.viewport_size or {"width": 1440})["width"]
    return {"x": 256, "y": top, "width": width - 256, "height": height}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
