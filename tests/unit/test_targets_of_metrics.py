"""Targets of metrics: what may be set, for which quarters, and that settings are shown."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from sekvens.errors import SettingsError
from sekvens.metrics.bold import BOLD
from sekvens.metrics.calendar import Quarter
from sekvens.settings import SAMPLE_SHOP, load_settings
from starter import main

Q3 = Quarter(year=2026, number=3)


def environ(folder: Path, targets: str) -> dict[str, str]:
    file = folder / "sekvens.toml"
    sample = SAMPLE_SHOP.read_text("utf-8")
    file.write_text(f"{sample}\n[metrics.targets]\n{targets}\n", encoding="utf-8")
    return {"SEKVENS_SETTINGS": str(file)}


def test_a_target_is_for_every_quarter_or_for_one(tmp_path: Path):
    given = """
nps = 40
open-rate = { always = 0.3, "2026-Q3" = 0.35 }
repeat-purchase = { "2026-Q4" = 0.2 }
"""
    metrics = load_settings(environ(tmp_path, given)).metrics

    assert [metrics.target("nps", Q3), metrics.target("open-rate", Q3)] == [40, 0.35]
    assert metrics.target("open-rate", Q3.after(1)) == 0.3
    assert [metrics.target(name, Q3) for name in ("repeat-purchase", "click-to-open")] == [None] * 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("open-rates = 0.3", "metrics.targets.open-rates: there are targets for open-rate"),
        ("open-rate = 35", "35 is not between 0 and 1; write 35 % as 0.35"),
        ("nps = 101", "101 is not between -100 and 100"),
        ('nps = { "Q3" = 4 }', "'Q3' is no quarter: write it as 2026-Q3, or always"),
        ("open-rate = { always = 2 }", "2 is not between 0 and 1"),
        ('open-rate = "much"', "targets"),
        ("open-rate = nan", "nan is not between"),
    ],
)
def test_a_target_that_cannot_be_is_refused_with_a_remedy(tmp_path: Path, given: str, said: str):
    with pytest.raises(SettingsError) as refused:
        load_settings(environ(tmp_path, given))

    assert said in str(refused.value)


def test_there_may_be_a_target_for_each_of_the_seven(tmp_path: Path):
    given = "\n".join(f"{name} = 0.5" for name in BOLD)

    assert set(load_settings(environ(tmp_path, given)).metrics.targets) == set(BOLD)


def test_settings_are_shown_by_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in environ(tmp_path, 'nps = { "2026-Q3" = 40 }').items():
        monkeypatch.setenv(name, value)
    targets = CliRunner().invoke(main, ["settings", "metrics.targets"])
    nothing = CliRunner().invoke(main, ["settings", "metric"])

    assert targets.output == "metrics.targets.nps.2026-Q3 = 40.0\n"
    assert (nothing.exit_code, "nothing in the settings called 'metric'" in nothing.output) == (
        2, True,
    )  # fmt: skip


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch):
    secrets = {
        "API__WRITE_KEYS": "wk_zq9x1", "API__LINK_SECRET": "zq9x2" * 8,
        "DATABASE__URL": "postgresql+psycopg://u:zq9x3@db/x",
        "WEBHOOKS__HOOK__URL": "https://zq9x4.example/x",
        "WEBHOOKS__HOOK__SECRET": "whsec_aGVtbGlnaGVtbGlnaGVtbGlnaGVtbGln",
        "ADAPTERS__SHOPIFY__SECRETS": "zq9x5zq9x5zq9x5zq9x5",
        "ADAPTERS__SHOPIFY__SHOPS": "garn.myshopify.com",
    }  # fmt: skip
    for name, value in secrets.items():
        monkeypatch.setenv(f"SEKVENS_{name}", value)
    shown = CliRunner().invoke(main, ["settings"])

    assert shown.exit_code == 0, shown.output
    assert "zq9x" not in shown.output
    assert "whsec_" not in shown.output
    assert "api.link_secret = …" in shown.output
    assert 'shop.name = "Hallgrens Ylle"' in shown.output
