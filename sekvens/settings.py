"""Settings: one TOML file and the environment; without either, the sample shop on this machine.

`SEKVENS_SETTINGS` names the file (default `sekvens.toml` in the working folder, if it is there).
`SEKVENS_<SECTION>__<KEY>` overrides one value, for instance `SEKVENS_DATABASE__URL`, and
`SEKVENS_ADAPTERS__SHOPIFY__SECRETS` one of a section within a section; with `_FILE` behind it, it
names a file that holds the value. How to reach Temporal stands in Temporal's own environment
configuration (`temporal.toml`, `TEMPORAL_*`).
"""

import math
import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from sekvens.consent_section import ConsentSettings
from sekvens.errors import SettingsError
from sekvens.events.adapters.section import AdaptersSettings
from sekvens.experiments_section import ExperimentSettings
from sekvens.feeds.section import FeedSettings
from sekvens.flows.shop_time import DAY, ShopTime, shop_time
from sekvens.metrics_section import MetricsSettings
from sekvens.products.section import ProductSettings
from sekvens.secret_files import SUFFIX, secret_of, with_secret_files
from sekvens.sections import (
    ACCEPTABLE_SECONDS,
    ATTEMPT_SECONDS_MIN,
    RESEND_SECONDS_MIN,
    ApiSettings,
    AudienceSettings,
    ClockSettings,
    DashboardSettings,
    DatabaseSettings,
    FeedbackSettings,
    FlowSettings,
    PrivacySettings,
    SendingSettings,
    SesSettings,
    WebhookSettings,
    is_local,
    is_timezone,
)
from sekvens.send_time.section import SendTimeSettings
from sekvens.shop import Offer, Shop
from sekvens.tracking_section import TrackingSettings
from sekvens.worker_section import WorkerSettings

#: Values that the environment gives separated by commas.
LISTS = frozenset(
    {
        "write_keys",
        "allow_list",
        "warm_up",
        "locales",
        "priority",
        "blackout_dates",
        "off",
        "topic_arns",
        "hosts",
        "machine_networks",
        "origins",
        "secrets",
        "shops",
        "cart_values",
    }
)

SAMPLE_SHOP = Path(__file__).parent / "sample_shop" / "sekvens.toml"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that can be set."""

    shop: Shop
    database: DatabaseSettings = DatabaseSettings()
    api: ApiSettings = ApiSettings()
    dashboard: DashboardSettings = DashboardSettings()
    ses: SesSettings = SesSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    sending: SendingSettings = SendingSettings()
    worker: WorkerSettings = WorkerSettings()
    clock: ClockSettings = ClockSettings()
    flows: FlowSettings = FlowSettings()
    audiences: AudienceSettings = AudienceSettings()
    privacy: PrivacySettings = PrivacySettings()
    tracking: TrackingSettings = TrackingSettings()
    consent: ConsentSettings = ConsentSettings()
    metrics: MetricsSettings = MetricsSettings()
    send_time: SendTimeSettings = SendTimeSettings()
    experiments: ExperimentSettings = ExperimentSettings()
    products: ProductSettings = ProductSettings()
    webhooks: dict[str, WebhookSettings] = {}
    feeds: dict[str, FeedSettings] = {}
    adapters: AdaptersSettings = AdaptersSettings()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.clock.day_seconds) and self.clock.day_seconds > 0):
            raise ValueError(f"clock.day_seconds is {self.clock.day_seconds}, not a length of time")
        if not is_timezone(self.shop.timezone):
            raise ValueError(
                f"shop.timezone is {self.shop.timezone!r}: it must be a name like Europe/Stockholm"
            )
        if self.sending.warm_up and self.sending.warm_up_from is None:
            raise ValueError(
                "sending.warm_up holds nothing back without sending.warm_up_from, its first day: "
                "set both or neither"
            )
        locally = is_local(self.ses.endpoint_url)
        if self.sending.attempt_seconds < ATTEMPT_SECONDS_MIN and not locally:
            raise ValueError(
                f"sending.attempt_seconds is {self.sending.attempt_seconds}: with Amazon SES at "
                f"least {ATTEMPT_SECONDS_MIN}, or a slow attempt counts as dead and another begins"
            )
        soonest = 0 if locally else RESEND_SECONDS_MIN
        if self.sending.resend_seconds < max(soonest, self.sending.grace_seconds):
            raise ValueError(
                f"sending.resend_seconds is {self.sending.resend_seconds}: before "
                f"{max(soonest, self.sending.grace_seconds)} s (grace_seconds, and with Amazon SES "
                f"{RESEND_SECONDS_MIN}) a lost request may still arrive, and come twice"
            )

        if self.feedback.topic_arns and not (locally or self.ses.configuration_set):
            raise ValueError(
                "feedback.topic_arns needs ses.configuration_set: only by one does SES publish "
                "events with our tags"
            )
        if self.feedback.queue_url:
            self._check_feedback()

    def _check_feedback(self) -> None:
        """Refuse a stream of events that would prove what is not so."""
        feedback, sending = self.feedback, self.sending
        locally = is_local(self.ses.endpoint_url)
        if locally != is_local(feedback.queue_url):
            raise ValueError(
                "feedback.queue_url and ses.endpoint_url must both be Amazon's, or both be of this "
                "machine: the events of one SES say nothing of another"
            )
        if locally:
            return
        if not self.ses.configuration_set:
            raise ValueError(
                "feedback.queue_url needs ses.configuration_set: only by one does SES publish "
                "events with our tags"
            )
        if feedback.event_delay_seconds < 4 * feedback.visibility_seconds:
            raise ValueError(
                f"feedback.event_delay_seconds is {feedback.event_delay_seconds}: at least four "
                "times feedback.visibility_seconds, or an event that was with a few readers when "
                "they died would come too late to be believed"
            )
        soonest = ACCEPTABLE_SECONDS + feedback.event_delay_seconds
        if sending.grace_seconds < soonest:
            raise ValueError(
                f"sending.grace_seconds is {sending.grace_seconds}: with feedback at least "
                f"{soonest} s, or a message might be sent again whose event is still on its way"
            )
        if sending.resend_seconds < sending.grace_seconds + feedback.silence_seconds:
            raise ValueError(
                f"sending.resend_seconds is {sending.resend_seconds}: at least grace_seconds and "
                "feedback.silence_seconds together, or evidence would come too late to matter"
            )

    def shop_time(self) -> ShopTime:
        """Tell how shop time runs.

        Raises:
            SettingsError: days pass quickly and SES is not local, or no origin is set.
        """
        day_lasts = timedelta(seconds=self.clock.day_seconds)
        if day_lasts == DAY:
            return ShopTime()
        if not is_local(self.ses.endpoint_url):
            raise SettingsError(
                f"clock.day_seconds is {self.clock.day_seconds:g}, but ses.endpoint_url is "
                f"{self.ses.endpoint_url or 'Amazon SES'}: days may pass quickly only with a local "
                "SES, or a year of e-mails would reach real people in minutes. "
                "Set day_seconds to 86400."
            )
        origin = self.clock.origin
        if origin is None or origin.tzinfo is None:
            raise SettingsError(
                "clock.day_seconds other than 86400 needs clock.origin: an instant with a zone, "
                "such as 2026-11-21T12:00:00Z, the same for every process"
            )
        return shop_time(day_lasts, origin)


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings file and the environment.

    Raises:
        SettingsError: a value is missing, unknown or of the wrong kind; the message names it.
    """
    given = environ.get("SEKVENS_SETTINGS")
    path = Path(given or "sekvens.toml")
    if given and not path.exists():
        raise SettingsError(f"SEKVENS_SETTINGS names {path}, which does not exist")
    if not path.exists():
        path = SAMPLE_SHOP
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    try:
        data = with_secret_files(data)
        _split_lists(data)
        return msgspec.convert(_overridden(data, environ), Settings, strict=False)
    except msgspec.ValidationError as error:
        said = _naming_the_offer(str(error), data)
        raise SettingsError(f"{path} (with SEKVENS_* from the environment): {said}") from error


def _naming_the_offer(said: str, data: Mapping[str, Any]) -> str:
    """Put an offer's name where msgspec, which says what is wrong, says `offers[...]`."""
    if "offers[...]" not in said:
        return said
    for name, offer in data["shop"]["offers"].items():
        try:
            msgspec.convert(offer, Offer, strict=False)
        except msgspec.ValidationError:
            return said.replace("offers[...]", f"offers.{name}", 1)
    return said


def _split_lists(data: Mapping[str, Any]) -> None:
    """Make lists of what files hold for keys that are lists, in sections within sections too."""
    for table in data.values():
        if not isinstance(table, dict):
            continue
        _split_lists(table)
        for key in LISTS & table.keys():
            if isinstance(table[key], str):
                table[key] = _items(table[key])


def _overridden(data: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    for name, value in environ.items():
        *sections, key = name.removeprefix("SEKVENS_").lower().split("__")
        if not name.startswith("SEKVENS_") or not sections:
            continue
        table = data
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise SettingsError(f"{section} is a table in the settings file, for {name} to set")
        if key.endswith(SUFFIX):
            key = key.removesuffix(SUFFIX)
            if name.upper().removesuffix(SUFFIX.upper()) in environ:
                raise SettingsError(f"{name} and the same without _FILE are both set: set one")
            value = secret_of(Path(value), key=key, name=name)  # noqa: PLW2901  what it names
        table[key] = _items(value) if key in LISTS else value
    return data


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
