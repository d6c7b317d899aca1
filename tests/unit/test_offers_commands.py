"""`offers` on the command line: pools filled, offers listed, redemptions told."""

import io
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sekvens.clock import SystemClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.imports.outcome import Rejected
from sekvens.offers.importing import import_codes, read_codes
from sekvens.offers.queries import Standing, standings
from sekvens.offers.tables import OfferCode
from starter import main
from tests.unit.ingesting import NOON, track
from tests.unit.offering import POOL, Till

Run = Callable[..., Result]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'sekvens.db'}")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database) -> Run:
    """Run the command line on a database of its own, with the sample shop's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", str(database.engine.url))
    return lambda *arguments: CliRunner().invoke(main, [str(one) for one in arguments])


def row_of(said: str, offer: str) -> str:
    return next(line for line in said.splitlines() if line.strip().startswith(offer))


def test_codes_are_imported_once_and_lines_that_hold_none_are_named(run: Run) -> None:
    file = Path("codes.txt")
    file.write_text(f"DORIS-A\n\n doris-b \nDORIS-A\ntwo words\n{'x' * 51}\n", encoding="utf-8")
    first, again = (run("offers", "import", "welcome", file).output for _ in range(2))

    assert "5 rows: 2 codes added, 0 changed, 0 as they were; 3 rows rejected" in first
    assert row_of(first, "2").split()[-2:] == ["5,", "6"]
    assert row_of(first, "1").split()[-1] == "4"
    assert "0 codes added, 0 changed, 2 as they were" in again


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("code\nA-1\nA-2\n", None),
        ("Name;Code\r\nJul;A-1\r\nJul;A-2\r\n", None),
        ('\ufeffDiscount code,Uses\n"A-1",0\n"A-2",0\n', "Discount Code"),
    ],
)
def test_a_csv_column_holds_the_codes(text: str, column: str | None) -> None:
    found = list(read_codes(io.BytesIO(text.encode()), column=column))

    assert found == [(2, "A-1"), (3, "A-2")]


def test_a_csv_without_the_column_is_refused_in_a_sentence(run: Run) -> None:
    Path("codes.csv").write_text("name,uses\nA-1,0\n", encoding="utf-8")
    done = run("offers", "import", "welcome", "codes.csv")

    assert done.exit_code == 2
    assert "the file has no column 'code'" in done.output


def test_a_code_of_another_offer_is_not_taken_from_it(database: Database) -> None:
    till = Till(database)
    till.stock("A-1")
    imported = import_codes(database, [(1, "a-1"), (2, "A-2")], offer="nudge")

    assert (imported.rows, imported.added, imported.unchanged) == (2, 1, 0)
    assert imported.rejected == (Rejected(line=1, reason="another offer has it"),)


def test_a_hundred_thousand_codes_are_imported_in_seconds(database: Database) -> None:
    text = "\n".join(f"CODE-{number:06}" for number in range(100_000))
    began = time.monotonic()
    imported = import_codes(database, read_codes(io.BytesIO(text.encode())), offer="welcome")

    assert imported.added == Till(database).shop.count(OfferCode) == 100_000
    assert time.monotonic() - began < 30


def test_generated_codes_stand_in_the_file_and_in_the_pool(run: Run, database: Database) -> None:
    done = run("offers", "generate", "welcome", "--count", 2500, "--out", "out.txt")

    codes = Path("out.txt").read_text(encoding="utf-8").splitlines()
    assert "2500 codes are in out.txt and in the pool of welcome" in done.output
    assert len(set(codes)) == 2500 == Till(database).shop.count(OfferCode)
    assert all(code.startswith("DORIS-") for code in codes)
    assert Till(database).claim("e-1").code in codes
    again = run("offers", "generate", "welcome", "--count", 1, "--out", "out.txt")
    assert again.exit_code == 2
    assert "out.txt" in again.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("generate", "summer", "--count", 1, "--out", "f"), "no offer 'summer'; there are"),
        (("generate", "nudge", "--count", 1, "--out", "f"), "no codes of contacts' own"),
        (("import", "stay", __file__), "no codes of contacts' own"),
        (
            ("generate", "welcome", "--count", 1, "--out", "f", "--pattern", "X"),
            "one {n} for n random characters",
        ),
    ],
)
def test_what_cannot_be_done_gets_a_sentence(
    run: Run, arguments: tuple[object, ...], complaint: str
) -> None:
    done = run("offers", *arguments)

    assert done.exit_code == 2
    assert complaint in " ".join(done.output.split())
    assert not Path("f").exists()


def test_offers_are_listed_with_what_became_of_them(run: Run, database: Database) -> None:
    till = Till(database)
    till.stock("DORIS-1", "DORIS-2", "DORIS-3")
    now = SystemClock().now()
    till.claim("e-1", POOL, now=now)
    till.claim("e-2", POOL, user="other", now=now)
    till.shop.post(track("Order Completed", order_id="o-1", coupon="DORIS-1"))
    said = run("offers", "list").output

    assert row_of(said, "welcome").split()[1:8] == ["percent", "from", "the", "pool", "1", "2", "1"]
    assert "TISDAG-{6}" in row_of(said, "birthday")
    assert "lasts 3 days at the last week's pace" in row_of(said, "welcome")
    assert "each contact's own, DELSBO-{6}" in row_of(said, "friend")
    assert row_of(said, "stay").split()[:4] == ["stay", "gift", "none", "-"]


def test_an_empty_pool_says_how_it_is_filled(run: Run, database: Database) -> None:
    till = Till(database)
    till.stock("DORIS-1")
    till.claim("e-1", POOL)

    assert "starter.py offers import welcome FILE" in row_of(
        run("offers", "list").output, "welcome"
    )


def test_orders_that_carried_a_code_are_listed(run: Run, database: Database) -> None:
    till = Till(database)
    till.stock("DORIS-1")
    till.claim("e-1", POOL)
    till.shop.post(track("Order Completed", order_id="o-77", coupon="DORIS-1"))

    said = run("offers", "redeemed").output
    assert row_of(said, "2026-03-04 12:00").split()[2:] == [
        "welcome", "o-77", till.shop.contact_id("u"), "yes",
    ]  # fmt: skip
    assert "o-77" not in run("offers", "redeemed", "nudge").output


def test_the_pace_is_the_last_weeks(database: Database) -> None:
    till = Till(database)
    till.stock(*(f"A-{number}" for number in range(10)))
    for number in range(4):
        at = NOON - timedelta(days=10 * (number == 0))
        till.claim(f"e-{number}", POOL, user=f"u-{number}", now=at)
    with database.read() as session:
        standing = standings(session, now=NOON)["welcome"]

    assert (standing.claimed, standing.claimed_lately, standing.codes_left) == (4, 3, 6)
    assert (standing.lasts, standing.is_short) == (timedelta(days=14), False)


@pytest.mark.parametrize(
    ("left", "lately", "is_short"),
    [(0, 0, True), (1, 0, False), (6, 7, True), (7, 7, False), (None, 7, False)],
)
def test_a_pool_is_short_when_it_lasts_less_than_a_week(
    left: int | None,
    lately: int,
    is_short: bool,  # noqa: FBT001  pytest hands it over by name
) -> None:
    standing = Standing(codes_left=left, claimed=9, redeemed=0, claimed_lately=lately)

    assert standing.is_short is is_short
