"""`feeds` on the command line, and feeds where flows are checked."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sekvens.db.session import Database
from sekvens.messages.compose import compose
from sekvens.settings import SAMPLE_SHOP
from starter import main
from tests.unit.feeding import PLACE, source
from tests.unit.ingesting import Shop, identify


def run(settings: Path, *words: str) -> Result:
    return CliRunner(env={"SEKVENS_SETTINGS": str(settings)}).invoke(main, words)


@pytest.fixture
def file(sqlite_database: Database, tmp_path: Path) -> Path:
    shop = Shop(sqlite_database)
    shop.post(identify("with-a-place", **PLACE))
    shop.post(identify("without"))
    url = sqlite_database.engine.url.render_as_string(hide_password=False)
    sample = SAMPLE_SHOP.read_text(encoding="utf-8")
    made = tmp_path / "sekvens.toml"
    made.write_text(f'{sample}\n[database]\nurl = "{url}"\n', encoding="utf-8")
    return made


def asking(file: Path, port: int) -> Path:
    text = file.read_text(encoding="utf-8")
    text = text.replace("https://api.open-meteo.com/v1", f"http://127.0.0.1:{port}/key-123")
    text = text.replace('hosts = ["api.open-meteo.com"]', 'hosts = ["127.0.0.1"]')
    text = text.replace("[feeds.weather]\n", "[feeds.weather]\nallow_private = true\n")
    file.write_text(text, encoding="utf-8")
    return file


def test_the_list_says_whom_a_feed_asks_and_what_it_is_told(file: Path):
    result = run(file, "feeds", "list")

    assert result.exit_code == 0, result.output
    assert "api.open-meteo.com" in result.output
    assert "latitude (coordinate), longitude (coordinate)" in result.output


def test_trying_a_feed_shows_what_it_was_told_and_what_an_e_mail_would_say(file: Path):
    with source() as there:
        tried = run(
            asking(file, there.port), "feeds", "try", "weather", "--contact", "with-a-place"
        )

    assert "Asks 127.0.0.1: latitude=61.8 longitude=16.6\n" in tried.output
    assert "sky: snöfall / snow\n" in tried.output
    assert "high: -3\n" in tried.output
    assert "key-123" not in tried.output


def test_trying_a_feed_that_tells_nothing_says_why(file: Path):
    with source() as there:
        there.manner = 500
        tried = run(
            asking(file, there.port), "feeds", "try", "weather", "--contact", "with-a-place"
        )
        lacking = run(file, "feeds", "try", "weather", "--contact", "without")
        asked = len(there.asked)
    unknown = run(file, "feeds", "try", "news", "--contact", "without")

    assert "It tells nothing (status). The e-mail has its other words." in tried.output
    assert "Nothing is asked" in lacking.output
    assert asked == 1
    assert (unknown.exit_code, "they have weather" in unknown.output) == (2, True)


def test_a_sample_that_lacks_a_field_is_a_fault_of_the_flows(file: Path):
    text = file.read_text(encoding="utf-8").replace("temperature_2m_min.0", "temperature_2m_mean.0")
    file.write_text(text, encoding="utf-8")
    result = run(file, "flows", "validate")

    assert result.exit_code == 2
    assert "feeds.weather.fields.low: the sample has no number at" in result.output


def test_a_draft_is_looked_at_with_what_feeds_tell_and_without(
    monkeypatch: pytest.MonkeyPatch, file: Path, tmp_path: Path
):
    # The limited process has tests of its own, and takes seconds to start.
    monkeypatch.setattr("sekvens.messages.foreign.compose_foreign", compose)
    draft = tmp_path / "draft.md"
    body = '{% feed "weather" as w %}{{ w.sky }}{% otherwise %}ull{% endfeed %}'
    draft.write_text(f"---\nsubject: a\npreheader: b\n---\n{body}\n", encoding="utf-8")
    words = ("preview", "welcome/hello", "--file", str(draft))
    told, nothing = run(file, *words).output, run(file, *words, "--without-feeds").output

    assert ("snöfall" in told, "ull\n" in nothing) == (True, True)
