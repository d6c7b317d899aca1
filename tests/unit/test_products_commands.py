"""`products` and `reviews` on the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.demo.feed import feed_file
from sekvens.products.tables import Product
from starter import main

Run = Callable[..., Result]
REVIEWS = (
    "review_id,product_id,author,rating,text,date\n7,mossan-bengt,Karin S,5,Varm.,2026-01-02\n"
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line on a database of its own, with the sample shop's settings."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'sekvens.db'}"
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    database = Database(url)
    metadata.create_all(database.engine)
    database.close()
    return lambda *arguments: CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.fixture
def filled(run: Run) -> Run:
    assert run("products", "import", feed_file("sv")).exit_code == 0
    return run


def test_a_feed_is_imported_in_both_languages_and_listed(filled: Run) -> None:
    said = filled("products", "import", feed_file("en"), "--locale", "en").output
    again = filled("products", "import", feed_file("en"), "--locale", "en").output
    listed = filled("products", "list").output

    assert "12 rows: 0 products added, 12 changed, 0 as they were; 0 rows rejected" in said
    assert "0 products added, 0 changed, 12 as they were" in again
    assert "mossan-bengt" in listed
    assert "en, sv" in listed


def test_rejected_rows_are_listed_with_their_lines(run: Run, tmp_path: Path) -> None:
    (tmp_path / "feed.tsv").write_text("id\ttitle\tlink\tprice\tavailability\na\nb\n")
    result = run("products", "import", "feed.tsv")

    assert result.exit_code == 2
    assert "2 rows rejected" in result.output
    assert "price is missing" in result.output
    assert "2, 3" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import", "x.txt"], "none of the feeds that we know"),
        (["import", "x.txt", "--locale", "fi"], "does not write in 'fi'"),
        (["pair", "mossan-bengt", "x"], "no product has the id 'x'"),
        (["drop", "add", "--opens", "soon", "--product", "mossan-bengt"], "no time like"),
        (["drop", "add", "--opens", "2999-01-01"], "needs a title and an address"),
        (["drop", "add", "--opens", "2999-01-01", "--title", "x"], "has no locale"),
        (["drop", "add", "--opens", "2999-01-01", "--url", "javascript:x"], "no address"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    filled: Run, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "x.txt").write_text("hello")
    result = filled("products", *arguments)

    assert result.exit_code == 2
    assert said in result.output


def test_a_pairing_is_made_once_and_taken_back(filled: Run) -> None:
    said = [
        filled("products", command, "mossan-bengt", "tumvantarna-doris").output.strip()
        for command in ("pair", "pair", "unpair", "unpair")
    ]

    assert said == ["paired", "they were paired already", "unpaired", "they were not paired"]


def test_a_drop_is_announced_in_the_shops_own_time_and_taken_back(filled: Run) -> None:
    opens = ["--opens", "2999-01-01T09:00", "--early-access", "2998-12-31T09:00"]
    added = filled("products", "drop", "add", "--product", "mossan-bengt", *opens).output
    listed = filled("products", "drop", "list").output
    removed = filled("products", "drop", "remove", added.split()[0]).output
    again = filled("products", "drop", "remove", added.split()[0])

    assert "2999-01-01 08:00" in listed
    assert "Mössan Bengt" in listed
    assert removed == "removed\n"
    assert (again.exit_code, "no drop has the id" in again.output) == (2, True)


def test_reviews_are_imported_listed_approved_and_rejected(filled: Run, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text(REVIEWS)
    said = [
        filled("reviews", *arguments).output
        for arguments in (["import", "reviews.csv"], ["list", "--pending"], ["approve", "7"])
    ]
    after = filled("reviews", "list", "--pending").output
    rejected = filled("reviews", "reject", "7").output

    assert "1 reviews added" in said[0]
    assert ("Karin S." in said[1], "Varm." in said[1]) == (True, True)
    assert (said[2], "Karin" in after, rejected) == ("1 approved\n", False, "1 rejected\n")
    assert filled("reviews", "approve", "8").exit_code == 2


def test_what_is_news_of_products_is_listed_with_how_many_were_told(
    filled: Run, tmp_path: Path
) -> None:
    before = filled("products", "changes").output
    database = Database(f"sqlite:///{tmp_path / 'sekvens.db'}")
    with database.write() as session:
        session.get_one(Product, "mossan-bengt").in_stock = False
    database.close()
    filled("products", "import", feed_file("sv"))
    line = filled("products", "changes").output

    assert "Nothing has been news" in before
    assert "back_in_stock" in line
    assert "0, and on" in line
