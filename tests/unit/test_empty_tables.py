"""A list in which there is nothing says so in a sentence, and shows no headings of nothing."""

from collections.abc import Sequence

import pytest
from click.testing import CliRunner

from sekvens.db.session import Database
from starter import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reviews", "list"], "There is no review."),
        (["reviews", "list", "--pending"], "No review waits to be read."),
        (["products", "list"], "There are no products: starter.py products import FILE"),
        (["products", "drop", "list"], "There is no drop to come."),
        (["offers", "redeemed"], "Nothing has been redeemed yet."),
        (["contacts", "requests"], "No request is open."),
        (["staff", "list"], "Nobody may log in yet: starter.py staff add NAME"),
        (["flows", "history"], "Nothing is published."),
        (["flows", "moves"], "No version moves anybody."),
    ],
)
def test_a_list_of_nothing_is_a_sentence(
    sqlite_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    arguments: Sequence[str],
    said: str,
) -> None:
    url = sqlite_database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)

    assert CliRunner().invoke(main, arguments).output == f"{said}\n"
