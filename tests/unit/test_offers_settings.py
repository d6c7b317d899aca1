"""What the settings may say of offers; what they may not is refused by the offer's name."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sekvens.errors import SettingsError
from sekvens.settings import SAMPLE_SHOP, load_settings
from sekvens.shop import Shop

WHOLE = SAMPLE_SHOP.read_text(encoding="utf-8")
REFERRAL = '[shop.referral]\nfriend = "friend"\nreferrer = "thanks"\npattern = "DELSBO-{6}"\n'


def read(folder: Path, text: str) -> Shop:
    file = folder / "sekvens.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings({"SEKVENS_SETTINGS": str(file)}).shop


@pytest.mark.parametrize(
    ("offer", "complaint"),
    [
        ("days = 7", "exactly one of percent, amount, .* and has none of them"),
        ("days = 7\npercent = 5\namount = 50", "exactly one .* has percent and amount"),
        ('days = 7\npercent = 5\ncode = "A"\npool = true', "at most one .* not code and pool"),
        ("days = 0\npercent = 5", "days is 0"),
        ("days = 7\npercent = 110", "between 1 and 100"),
        ("days = 7\namount = -1", "amount more than 0"),
        ('days = 7\npercent = 5\ncode = "A B"', "one word"),
        ('days = 7\npercent = 5\npattern = "A-{4}"', r"'A-\{4\}': 531441 codes could be guessed"),
        ('days = 7\npercent = 5\npattern = "A"', "it must have one {n}"),
        ("days = 7\npercent = 5\nfree = true", "unknown field `free`"),
        ('days = "a week"\npercent = 5', "`int`"),
        ("percent = 5", "required field `days`"),
    ],
)
def test_an_offer_that_says_too_much_or_too_little_is_refused_by_name(
    tmp_path: Path, offer: str, complaint: str
) -> None:
    text = f"{WHOLE}\n[shop.offers.summer]\n{offer}\n"

    with pytest.raises(SettingsError, match=complaint) as told:
        read(tmp_path, text)
    assert "shop.offers.summer" in str(told.value)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"friend": "nobody"}, "shop.referral.friend names 'nobody', which shop.offers lacks"),
        ({"friend": "nudge"}, "shop.offers.nudge: .*take its own code source away"),
        ({"pattern": "DELSBO"}, "shop.referral.pattern is 'DELSBO'"),
    ],
)
def test_a_referral_names_offers_that_there_are(
    tmp_path: Path, changed: dict[str, str], complaint: str
) -> None:
    given: dict[str, Any] = tomllib.loads(REFERRAL)["shop"]["referral"] | changed
    lines = "\n".join(f'{key} = "{value}"' for key, value in given.items())

    assert REFERRAL in WHOLE
    with pytest.raises(SettingsError, match=complaint):
        read(tmp_path, WHOLE.replace(REFERRAL, f"[shop.referral]\n{lines}\n"))


def test_the_sample_shop_shows_each_kind_of_offer(tmp_path: Path) -> None:
    offers = read(tmp_path, WHOLE).offers

    assert {offer.kind for offer in offers.values()} == {
        "percent", "amount", "free_shipping", "gift", "guide",
    }  # fmt: skip
    assert not offers["stay"].has_code
    assert offers["birthday"].has_code
