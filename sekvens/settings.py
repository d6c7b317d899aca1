"""Settings: one TOML file and the environment; without either, the sample shop on this machine.

`SEKVENS_SETTINGS` names the file (default `sekvens.toml` in the working folder, if it is there).
`SEKVENS_<SECTION>__<KEY>` overrides one value, for instance `SEKVENS_DATABASE__URL`. How to reach
Temporal stands in Temporal's own environment configuration (`temporal.toml`, `TEMPORAL_*`).
"""

import ipaddress
import math
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from sekvens.errors import SettingsError
from sekvens.flows.shop_time import DAY, ShopTime, shop_time
from sekvens.shop import Offer, Shop
from sekvens.webhooks.signature import key_of_secret

#: Values that the environment gives separated by commas.
LISTS = frozenset(
    {"write_keys", "allow_list", "warm_up", "locales", "priority", "blackout_dates", "off"}
)

SAMPLE_SHOP = Path(__file__).parent / "sample_shop" / "sekvens.toml"


#: The latest after its claim that AWS could accept a request: the dispatch deadline, the age of its
#: signature (15 minutes), and five minutes for clocks that differ.
ACCEPTABLE_SECONDS = 5 + 900 + 300
#: AWS refuses a request signed more than 15 minutes ago; five more for clocks that differ.
RESEND_SECONDS_MIN = 1200

_CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

#: The two databases that Sekvens runs on, each by the driver that is installed.
_DATABASE_URL = re.compile(r"sqlite(\+pysqlite)?:///(?!:memory:).+|postgresql\+psycopg://.+")

#: Who goes first when a contact may get one e-mail only: those who were closest to buying.
PRIORITY = (
    "checkout-abandonment",
    "cart-abandonment",
    "browse-abandonment",
    "owner-visits",
    "post-purchase-first",
    "post-purchase-returning",
    "milestones",
    "birthday",
    "welcome",
    "winback",
    "sunset",
)

#: 0: any free port.
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
AtLeastZero = Annotated[int, msgspec.Meta(ge=0)]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the facts are kept."""

    #: SQLAlchemy URL: `sqlite:///file` or `postgresql+psycopg://…`
    url: str = "sqlite:///var/sekvens.db"

    def __post_init__(self) -> None:
        if not _DATABASE_URL.fullmatch(self.url):  # not quoted: there may be a password in it
            raise ValueError("database.url must be sqlite:///a-file or postgresql+psycopg://…")


class ApiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The HTTP API that the shop's backend posts to."""

    host: str = "127.0.0.1"
    port: Port = 8080
    #: how the outside reaches it: the base of unsubscribe links
    public_url: str = "http://127.0.0.1:8080"
    #: write keys, as in Segment; better given by SEKVENS_API__WRITE_KEYS (comma-separated)
    write_keys: tuple[str, ...] = ()
    #: signs the links in e-mails; at least 32 characters; better given by the environment
    link_secret: str = ""


class SesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Amazon SES, or the local SES."""

    #: empty: Amazon's own endpoint for the region
    endpoint_url: str = ""
    region: str = "eu-north-1"
    configuration_set: str = ""
    #: threads that send at once in one worker
    concurrency: AtLeastOne = 20

    def __post_init__(self) -> None:
        url = urlsplit(self.endpoint_url)
        if self.endpoint_url and not (url.scheme in ("http", "https") and url.hostname):
            raise ValueError(
                f"ses.endpoint_url is {self.endpoint_url!r}: it must begin with https:// (or "
                "http://), or be empty for Amazon's own"
            )


class FeedbackSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where SES's events are read, and how far they are trusted. All of it is wall time."""

    #: the SQS queue's URL; empty: no events are read, and time alone settles an unknown outcome
    queue_url: str = ""
    #: how long one look at the queue waits for something to come
    wait_seconds: Annotated[int, msgspec.Meta(ge=1, le=20)] = 20
    #: how late an event may come, and how far others may overtake it
    event_delay_seconds: AtLeastOne = 540
    #: so long after the grace without proof of life the stream is silent: time for two probes
    silence_seconds: AtLeastOne = 1200
    #: at most one probe of the stream in so long
    probe_seconds: AtLeastOne = 60

    def __post_init__(self) -> None:
        url = urlsplit(self.queue_url)
        is_url = url.scheme in ("http", "https") and url.hostname and url.path.strip("/")
        if self.queue_url and not is_url:
            raise ValueError(
                f"feedback.queue_url is {self.queue_url!r}: it must be an SQS queue's whole URL, "
                "https://sqs.<region>.amazonaws.com/<account>/<name>"
            )


class SendingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Safety rails, and how much marketing one contact gets, and when."""

    #: false: only addresses on the allow-list are mailed
    production: bool = False
    #: addresses (`me@shop.se`) and domains (`@shop.se`)
    allow_list: tuple[str, ...] = ()
    #: a new identity's daily limits, by day since `warm_up_from`; after the last, no limit
    warm_up: tuple[AtLeastZero, ...] = ()
    warm_up_from: date | None = None
    #: an unknown outcome is settled after this long without evidence (wall time)
    grace_seconds: AtLeastZero = 1800
    #: … and a transactional message is sent again after this long; with Amazon SES no sooner than
    #: a request of ours could still be accepted (`RESEND_SECONDS_MIN`)
    resend_seconds: int = 7200
    #: no marketing from this time on the contact's own clock …
    quiet_from: str = "21:00"
    #: … until this one; equal to `quiet_from`: no quiet hours
    quiet_until: str = "08:00"
    #: marketing e-mails to one contact on one date of their calendar; 0: no cap
    marketing_per_day: AtLeastZero = 1
    #: … and on that date with the six before it; 0: no cap
    marketing_per_week: AtLeastZero = 4
    #: which flow goes first where the cap lets only one go; a flow that is not named goes last
    priority: tuple[str, ...] = PRIORITY
    #: dates without marketing: `12-24` each year, `2026-11-27` once
    blackout_dates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("quiet_from", "quiet_until"):
            given = getattr(self, name)
            if not _CLOCK_TIME.fullmatch(given):
                raise ValueError(f"sending.{name} is {given!r}: write a time like 21:00")
        wrong = [given for given in self.blackout_dates if not _is_date(given)]
        if wrong:
            raise ValueError(
                f"sending.blackout_dates has {wrong[0]!r}: write 12-24 for each year, or 2026-11-27"
            )


class ClockSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Shop time."""

    #: how many seconds a day of shop time lasts; anything but 86400 is for demos only
    day_seconds: float = 86400.0
    #: the instant at which shop time and wall time were equal (demos)
    origin: datetime | None = None


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A system of the shop's own that a flow's `webhook` step calls by its name here."""

    #: where it is posted to
    url: str
    #: signs the calls: `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks has it
    secret: str
    #: whether its name may lead into a private network
    allow_private: bool = False

    def __post_init__(self) -> None:
        url = urlsplit(self.url)
        if not (url.scheme in ("http", "https") and url.hostname):
            raise ValueError("a webhook's url must begin with https:// (or http://)")
        if url.scheme == "http" and not is_local(self.url):
            raise ValueError("a webhook's url must begin with https://, unless it is this machine")
        key_of_secret(self.secret)


class FlowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which of the flows are in use."""

    #: flows that nobody enters: `order-updates`, where the shop's platform sends that mail
    off: tuple[str, ...] = ()


class AudienceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When flows that start from a state look for contacts."""

    #: hours between two scans: a part of a day, so that they come at the same hours each day
    every_hours: AtLeastOne = 24
    #: one of them begins at this time of the shop's own zone
    at: str = "06:00"

    def __post_init__(self) -> None:
        if 24 % self.every_hours:
            raise ValueError(
                f"audiences.every_hours is {self.every_hours}: write 1, 2, 3, 4, 6, 8, 12 or 24"
            )
        if not _CLOCK_TIME.fullmatch(self.at):
            raise ValueError(f"audiences.at is {self.at!r}: write a time like 06:00")


class PrivacySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long people are remembered."""

    #: who never ordered is erased after so many days of being suppressed as inactive; 0: never
    erase_inactive_days: AtLeastZero = 365


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that can be set."""

    shop: Shop
    database: DatabaseSettings = DatabaseSettings()
    api: ApiSettings = ApiSettings()
    ses: SesSettings = SesSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    sending: SendingSettings = SendingSettings()
    clock: ClockSettings = ClockSettings()
    flows: FlowSettings = FlowSettings()
    audiences: AudienceSettings = AudienceSettings()
    privacy: PrivacySettings = PrivacySettings()
    webhooks: dict[str, WebhookSettings] = {}

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
        soonest = 0 if is_local(self.ses.endpoint_url) else RESEND_SECONDS_MIN
        if self.sending.resend_seconds < max(soonest, self.sending.grace_seconds):
            raise ValueError(
                f"sending.resend_seconds is {self.sending.resend_seconds}: before "
                f"{max(soonest, self.sending.grace_seconds)} s (grace_seconds, and with Amazon SES "
                f"{RESEND_SECONDS_MIN}) a lost request may still arrive, and come twice"
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
        return msgspec.convert(_overridden(data, environ), Settings, strict=False)
    except msgspec.ValidationError as error:
        said = _naming_the_offer(str(error), data)
        raise SettingsError(f"{path} (with SEKVENS_* from the environment): {said}") from error


def is_local(endpoint_url: str) -> bool:
    """Tell whether a URL points at this machine."""
    host = urlsplit(endpoint_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_timezone(name: str) -> bool:
    """Tell whether there is a time zone of this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return bool(name)


def _is_date(given: str) -> bool:
    if not re.fullmatch(r"(\d{4}-)?\d{2}-\d{2}", given):
        return False
    try:
        date.fromisoformat(given if len(given) > len("12-24") else f"2000-{given}")  # a leap year
    except ValueError:
        return False
    return True


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


def _overridden(data: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    for name, value in environ.items():
        section, found, key = name.removeprefix("SEKVENS_").lower().partition("__")
        if not name.startswith("SEKVENS_") or not found:
            continue
        is_list = key in LISTS
        values = [item.strip() for item in value.split(",") if item.strip()]
        table = data.setdefault(section, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{section} is a table in the settings file, for {name} to set")
        table[key] = values if is_list else value
    return data
