"""The glossary points at code that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
PLACES = sorted(set(re.findall(r"`(sekvens/[\w/.]+)`(?: `(\w+)`)?", TEXT)))


@pytest.mark.parametrize(("path", "name"), PLACES)
def test_a_place_that_the_glossary_names_exists(path: str, name: str) -> None:
    place = ROOT / path

    assert place.exists()
    assert not name or re.search(rf"^(class )?{name}\b", place.read_text("utf-8"), re.MULTILINE)
