"""Settings: where values come from, and that what cannot be used is refused in a sentence."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.common import VersioningBehavior

from sekvens.errors import SettingsError
from sekvens.flows.shop_time import ShopTime
from sekvens.plugin import deployment_of
from sekvens.sections import SendingSettings, is_local
from sekvens.settings import SAMPLE_SHOP, Settings, load_settings


def loaded(**environ: str) -> Settings:
    given = {f"SEKVENS_{name}": value for name, value in environ.items()}
    return load_settings({"SEKVENS_SETTINGS": str(SAMPLE_SHOP)} | given)


def refusal(**environ: str) -> str:
    with pytest.raises(SettingsError) as refused:
        loaded(**environ)
    return str(refused.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sekvens.toml"


def written(file: Path, text: str) -> dict[str, str]:
    file.write_text(text, encoding="utf-8")
    return {"SEKVENS_SETTINGS": str(file)}


def test_without_a_file_it_is_the_sample_shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert load_settings({}).shop.name == "Hallgrens Ylle"


def test_a_file_in_the_working_folder_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = SAMPLE_SHOP.read_text(encoding="utf-8")
    written(file, shop.replace('name = "Hallgrens Ylle"', 'name = "En annan"', 1))
    monkeypatch.chdir(file.parent)

    assert load_settings({}).shop.name == "En annan"


def test_nothing_leaves_by_default() -> None:
    sending = SendingSettings()

    assert (sending.production, sending.allow_list) == (False, ())
    assert (sending.grace_seconds, sending.resend_seconds) == (1800, 7200)


def test_by_default_contacts_are_left_in_peace() -> None:
    sending = SendingSettings()

    assert (sending.quiet_from, sending.quiet_until) == ("21:00", "08:00")
    assert (sending.marketing_per_day, sending.marketing_per_week) == (1, 4)
    assert sending.priority[:2] == ("checkout-abandonment", "cart-abandonment")
    assert sending.priority[-3:] == ("welcome", "winback", "sunset")
    assert sending.blackout_dates == ()


def test_the_environment_overrides_the_file() -> None:
    settings = loaded(
        DATABASE__URL="postgresql+psycopg://db/sekvens",
        API__PORT="9090",
        SES__CONCURRENCY="5",
        SENDING__PRODUCTION="true",
        SENDING__GRACE_SECONDS="60",
        SENDING__WARM_UP_FROM="2026-11-21",
    )

    assert settings.database.url == "postgresql+psycopg://db/sekvens"
    assert (settings.api.port, settings.ses.concurrency) == (9090, 5)
    assert (settings.sending.production, settings.sending.grace_seconds) == (True, 60)
    assert settings.sending.warm_up_from == date(2026, 11, 21)


@pytest.mark.parametrize(("given", "meant"), [("0", False), ("false", False), ("1", True)])
def test_a_truth_value_is_not_true_because_it_is_there(given: str, meant: object) -> None:
    assert loaded(SENDING__PRODUCTION=given).sending.production is meant


def test_lists_are_given_with_commas() -> None:
    settings = loaded(
        API__WRITE_KEYS="one,two",
        SENDING__ALLOW_LIST=" me@shop.se , @shop.se,",
        SENDING__WARM_UP="50,100, 500",
        SENDING__WARM_UP_FROM="2027-01-11",
        SENDING__PRIORITY="welcome,winback",
        SENDING__BLACKOUT_DATES="12-24, 02-29,2026-11-27",
    )

    assert settings.api.write_keys == ("one", "two")
    assert settings.sending.allow_list == ("me@shop.se", "@shop.se")
    assert settings.sending.warm_up == (50, 100, 500)
    assert settings.sending.priority == ("welcome", "winback")
    assert settings.sending.blackout_dates == ("12-24", "02-29", "2026-11-27")


def test_an_empty_list_holds_nothing_rather_than_an_empty_key() -> None:
    assert loaded(API__WRITE_KEYS="").api.write_keys == ()


def test_other_variables_are_none_of_our_business() -> None:
    settings = load_settings(
        {"SEKVENS_SETTINGS": str(SAMPLE_SHOP), "SEKVENS_LOG_LEVEL": "DEBUG", "PATH__X": "1"}
    )

    assert settings == loaded()


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"API__PORT": "http"}, r"int.*\$\.api\.port"),
        ({"API__PROT": "1"}, "unknown field `prot`"),
        ({"APi__X": "1"}, "unknown field `x`"),
        ({"NONSENSE__X": "1"}, "unknown field `nonsense`"),
        ({"SENDING__WARM_UP": "50,many"}, r"int.*\$\.sending\.warm_up"),
        ({"SENDING__WARM_UP_FROM": "soon"}, r"\$\.sending\.warm_up_from"),
        ({"SENDING__PRODUCTION": "perhaps"}, r"bool.*\$\.sending\.production"),
        ({"API__PORT": "99999"}, r"65535.*\$\.api\.port"),
        ({"SES__CONCURRENCY": "0"}, r">= 1.*\$\.ses\.concurrency"),
        ({"SES__ENDPOINT_URL": "localhost:8025"}, r"ses\.endpoint_url.*https://"),
        ({"SES__ENDPOINT_URL": "127.0.0.1:9000"}, r"ses\.endpoint_url"),
        ({"SENDING__GRACE_SECONDS": "-5"}, r">= 0.*\$\.sending\.grace_seconds"),
        ({"SENDING__WARM_UP": "-5"}, r">= 0.*\$\.sending\.warm_up"),
        ({"SENDING__WARM_UP": "50"}, r"sending\.warm_up_from"),
        ({"SENDING__QUIET_FROM": "9 pm"}, r"sending\.quiet_from.*21:00"),
        ({"SENDING__QUIET_UNTIL": "24:00"}, r"sending\.quiet_until.*21:00"),
        ({"SENDING__MARKETING_PER_DAY": "-1"}, r">= 0.*\$\.sending\.marketing_per_day"),
        ({"SENDING__BLACKOUT_DATES": "12-24,24/12"}, r"sending\.blackout_dates.*24/12.*12-24"),
        ({"SENDING__BLACKOUT_DATES": "02-30"}, r"sending\.blackout_dates"),
        ({"SENDING__BLACKOUT_DATES": "2026-02-29"}, r"sending\.blackout_dates"),
        ({"SHOP__TIMEZONE": "Nowhere/Land"}, r"shop\.timezone.*Europe/Stockholm"),
        ({"SHOP__TIMEZONE": ""}, r"shop\.timezone"),
        ({"CLOCK__DAY_SECONDS": "nan"}, "day_seconds"),
        ({"CLOCK__DAY_SECONDS": "inf"}, "day_seconds"),
        ({"CLOCK__DAY_SECONDS": "0"}, "day_seconds"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(environ: dict[str, str], told: str) -> None:
    refused = refusal(**environ)

    assert re.search(told, refused), refused


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://u:pass@h/d", "postgres://u:pass@h/d",
     "postgresql://u:pass@h/d"],
)  # fmt: skip
def test_a_database_we_do_not_run_on_is_refused_without_quoting_its_password(url: str) -> None:
    refused = refusal(DATABASE__URL=url)

    assert "postgresql+psycopg://" in refused
    assert "pass" not in refused


def test_a_secret_that_is_of_the_wrong_kind_is_not_quoted(file: Path) -> None:
    shop = SAMPLE_SHOP.read_text(encoding="utf-8")
    environ = written(file, f'{shop}\n[api]\nport = "hunter2"\n')
    with pytest.raises(SettingsError) as refused:
        load_settings(environ)

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("shop = [", "is not valid TOML"),
        ("\ufeffx", "is not valid TOML"),
        ("", "missing required field `shop`"),
        ("api = 3", "api is a table in the settings file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(file: Path, text: str, told: str) -> None:
    environ = written(file, text) | {"SEKVENS_API__PORT": "1"}
    with pytest.raises(SettingsError, match=told) as refused:
        load_settings(environ)

    assert str(file) in str(refused.value) or "table" in told


@pytest.mark.parametrize("name", ["gone.toml", ""])
def test_a_file_that_is_not_there_or_is_a_folder_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(SettingsError, match=str(tmp_path)):
        load_settings({"SEKVENS_SETTINGS": str(path)})


LOCAL = ["http://127.0.0.1:9000", "http://localhost:1", "http://[::1]:9", "http://127.9.9.9"]
REMOTE = [
    "",
    "https://email.eu-north-1.amazonaws.com",
    "https://ses.example:8080",
    "http://192.168.1.20:9000",
    "http://10.0.0.1",
    "http://0.0.0.0:9000",
    "http://localhost.example",
    "http://127.0.0.1@ses.example",
]


@pytest.mark.parametrize("url", LOCAL)
def test_quick_days_run_against_a_local_ses(url: str) -> None:
    origin = datetime(2026, 11, 21, 12, tzinfo=UTC)
    settings = loaded(
        SES__ENDPOINT_URL=url, CLOCK__DAY_SECONDS="2", CLOCK__ORIGIN="2026-11-21T12:00:00Z"
    )

    assert is_local(url)
    tomorrow = settings.shop_time().at(origin + timedelta(seconds=2))
    assert tomorrow == origin + timedelta(days=1)


@pytest.mark.parametrize("url", REMOTE)
def test_quick_days_are_refused_with_any_other_ses(url: str) -> None:
    settings = loaded(
        SES__ENDPOINT_URL=url, CLOCK__DAY_SECONDS="2", CLOCK__ORIGIN="2026-11-21T12:00:00Z"
    )

    with pytest.raises(SettingsError, match=r"day_seconds is 2, but .*Set day_seconds to 86400"):
        settings.shop_time()


@pytest.mark.parametrize("url", [*LOCAL, *REMOTE])
def test_days_that_last_a_day_need_no_origin(url: str) -> None:
    assert loaded(SES__ENDPOINT_URL=url).shop_time() == ShopTime()


@pytest.mark.parametrize("origin", [{}, {"CLOCK__ORIGIN": "2026-11-21T12:00:00"}])
def test_quick_days_need_an_origin_with_a_zone(origin: dict[str, str]) -> None:
    settings = loaded(SES__ENDPOINT_URL=LOCAL[0], CLOCK__DAY_SECONDS="2", **origin)

    with pytest.raises(SettingsError, match=r"clock\.origin: an instant with a zone"):
        settings.shop_time()


def test_a_resend_before_the_first_request_has_died_is_refused() -> None:
    amazon = {"SES__ENDPOINT_URL": "", "SENDING__GRACE_SECONDS": "60"}

    assert "attempt_seconds is 29" in refusal(SENDING__ATTEMPT_SECONDS="29", **amazon)
    assert loaded(SENDING__ATTEMPT_SECONDS="5").sending.attempt_seconds == 5
    assert "resend_seconds is 1199" in refusal(SENDING__RESEND_SECONDS="1199", **amazon)
    assert "resend_seconds is 7200" in refusal(SENDING__GRACE_SECONDS="7201")
    assert loaded(SENDING__RESEND_SECONDS="1200", **amazon).sending.resend_seconds == 1200


def test_adapters_are_off_by_default() -> None:
    adapters = loaded().adapters

    assert not adapters.shopify.is_on
    assert not adapters.woocommerce.is_on


def test_a_platforms_secrets_come_from_the_environment() -> None:
    secrets = ("an old secret of theirs", "a new secret of theirs")
    shopify = loaded(
        ADAPTERS__SHOPIFY__SECRETS=", ".join(secrets),
        ADAPTERS__SHOPIFY__SHOPS="wool.myshopify.com",
    ).adapters.shopify

    assert (shopify.secrets, shopify.shops) == (secrets, ("wool.myshopify.com",))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"SECRETS": "quite long enough"}, "needs shops"),
        ({"SECRETS": "short", "SHOPS": "wool.example"}, "at least 16 characters"),
        ({"SHOPS": "https://wool.example/"}, "are hosts"),
        ({"SHOPS": "Wool.example"}, "are hosts"),
    ],
)
def test_an_adapter_that_cannot_work_is_refused_and_its_secret_is_not_quoted(
    values: dict[str, str], said: str
) -> None:
    given = {f"ADAPTERS__WOOCOMMERCE__{name}": value for name, value in values.items()}
    refused = refusal(**given)

    assert said in refused
    assert values.get("SECRETS", "-?-") not in refused


@pytest.mark.parametrize(
    ("deployment", "build_id", "said"),
    [
        ("sekvens", "", "set both or neither"),
        ("", "1.4.2", "set both or neither"),
        ("sekvens.eu", "1.4.2", "worker.deployment is 'sekvens.eu'"),
        ("sekvens", "1.4:2", "worker.build_id is '1.4:2'"),
    ],
)
def test_a_version_of_the_workers_that_temporal_would_not_take_is_refused(
    deployment: str, build_id: str, said: str
) -> None:
    assert said in refusal(WORKER__DEPLOYMENT=deployment, WORKER__BUILD_ID=build_id)


def test_a_worker_upgrades_enrollments_under_way_or_has_no_version() -> None:
    versioned = loaded(WORKER__DEPLOYMENT="sekvens", WORKER__BUILD_ID="1.4.2").worker
    config = deployment_of(versioned)

    assert deployment_of(loaded().worker) is None
    assert config is not None
    assert config.use_worker_versioning
    assert config.default_versioning_behavior is VersioningBehavior.AUTO_UPGRADE
    assert config.version.to_canonical_string() == "sekvens.1.4.2"
