"""Which of an e-mail's sources one reads: by locale, by the day of the year, told again."""

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from sekvens.errors import SettingsError
from sekvens.messages.compose import compose
from sekvens.messages.needs import needs
from sekvens.messages.templates import StoredTemplate, TemplateSource, read_layout, stored
from sekvens.settings import SAMPLE_SHOP, load_settings
from sekvens.shop import Season
from tests.unit.composing import facts, sample_shop

SOURCE = "---\nsubject: {0}\npreheader: Några rader\n---\n{0}, {{{{ first_name }}}}\n"
SEASONS = (
    Season(name="black-week", start="11-23", end="11-30"),
    Season(name="new-year", start="12-30", end="01-06"),
)


def template(*keys: str) -> StoredTemplate:
    sources = {key: SOURCE.format(key) for key in keys}
    return stored(TemplateSource(name="a/b", sources=sources, layout=read_layout()))


def read_on(day: str, *keys: str, locale: str = "sv", zone: str = "Europe/Stockholm") -> str:
    shop = msgspec.structs.replace(sample_shop(), seasons=SEASONS)
    now = datetime.fromisoformat(day).replace(tzinfo=UTC)
    given = facts(now=now, locale=locale, timezone=zone)
    return compose(template(*keys), given, shop=shop).subject


@pytest.mark.parametrize(
    ("day", "source"),
    [
        ("2026-11-22", "sv"),
        ("2026-11-23", "black-week.sv"),
        ("2026-11-30", "black-week.sv"),
        ("2026-12-01", "sv"),
        ("2026-12-30", "new-year.sv"),
        ("2027-01-01", "new-year.sv"),
        ("2027-01-06", "new-year.sv"),
        ("2027-01-07", "sv"),
    ],
)
def test_a_variant_is_used_within_its_season(day: str, source: str) -> None:
    assert read_on(day, "sv", "black-week.sv", "new-year.sv") == source


def test_a_season_begins_when_the_day_does_where_the_contact_lives() -> None:
    keys = ("sv", "black-week.sv")

    assert read_on("2026-11-22T22:59:59", *keys) == "sv"
    assert read_on("2026-11-22T23:00:00", *keys) == "black-week.sv"
    assert read_on("2026-11-22T23:00:00", *keys, zone="America/New_York") == "sv"


def test_a_locale_without_the_variant_reads_its_plain_e_mail() -> None:
    keys = ("sv", "en", "black-week.sv")

    assert read_on("2026-11-25", *keys, locale="en") == "en"
    assert read_on("2026-11-25", *keys, locale="de") == "black-week.sv"


def test_a_season_that_the_settings_no_longer_know_is_not_used() -> None:
    assert read_on("2026-11-25", "sv", "christmas.sv") == "sv"


def test_what_a_variant_speaks_of_is_read_too() -> None:
    made = template("sv")
    variant = SOURCE.format("x").replace("first_name", "order.number")
    made = stored(
        TemplateSource(name="a/b", sources=made.sources | {"x.sv": variant}, layout=made.layout)
    )

    assert needs(made).variables == {"first_name", "order"}


@pytest.mark.parametrize(
    "season",
    [
        'name = "black-week"\nfrom = "23-11"\nto = "11-30"',
        'name = "Black Week"\nfrom = "11-23"\nto = "11-30"',
        'name = "black-week"\nfrom = "11-23"',
    ],
)
def test_a_season_that_cannot_be_is_refused(tmp_path, season: str) -> None:
    file = tmp_path / "sekvens.toml"
    table = f"\n[[shop.seasons]]\n{season}\n"
    file.write_text(SAMPLE_SHOP.read_text(encoding="utf-8") + table, encoding="utf-8")

    with pytest.raises(SettingsError, match="seasons"):
        load_settings({"SEKVENS_SETTINGS": str(file)})


def test_what_is_told_again_has_its_second_subject_and_the_same_letter() -> None:
    text = SOURCE.format("Först").replace("preheader", "second_subject: Igen\npreheader")
    made = stored(TemplateSource(name="a/b", sources={"sv": text}, layout=read_layout()))
    first = compose(made, facts(), shop=sample_shop())
    again = compose(made, facts(second_subject=True), shop=sample_shop())

    assert (first.subject, again.subject) == ("Först", "Igen")
    assert again == replace(first, subject="Igen", html=again.html)
    assert again.html == first.html.replace("<title>Först", "<title>Igen")


def test_without_a_second_subject_the_first_one_is_told_again() -> None:
    again = compose(template("sv"), facts(second_subject=True), shop=sample_shop())

    assert again.subject == "sv"
