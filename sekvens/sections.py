"""The sections of the settings file, each with its defaults and what it refuses."""

import ipaddress
import re
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from sekvens.webhooks.signature import key_of_secret

#: The latest after its claim that AWS could accept a request: the dispatch deadline, the age of its
#: signature (15 minutes), and five minutes for clocks that differ.
ACCEPTABLE_SECONDS = 5 + 900 + 300
#: AWS refuses a request signed more than 15 minutes ago; five more for clocks that differ.
RESEND_SECONDS_MIN = 1200
#: A lock's wait, SES's time-outs, and a ledger that is away, one after the other.
ATTEMPT_SECONDS_MIN = 30

_CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

#: The two databases that Sekvens runs on, each by the driver that is installed.
_DATABASE_URL = re.compile(r"sqlite(\+pysqlite)?:///(?!:memory:).+|postgresql\+psycopg://.+")

TOPIC_ARN = re.compile(
    r"arn:aws(-cn|-us-gov)?:sns:[a-z0-9-]{3,32}:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?"
)

#: Who goes first when a contact may get one e-mail only: those who were closest to buying.
PRIORITY = (
    "checkout-abandonment",
    "cart-abandonment",
    "browse-abandonment",
    "back-in-stock",
    "replenishment",
    "price-drop",
    "owner-visits",
    "post-purchase-first",
    "post-purchase-returning",
    "milestones",
    "birthday",
    "welcome",
    "winback",
    "sunset",
)

#: Fields of sections whose value is a secret, or holds one: what shows a section leaves them out.
SECRETS = frozenset({"write_keys", "link_secret", "secret", "secrets", "url"})

#: 0: any free port.
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
AtLeastZero = Annotated[int, msgspec.Meta(ge=0)]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class SecretSection(msgspec.Struct, frozen=True, kw_only=True):
    """A section with secrets in it, which it does not show to logs, errors and debuggers."""

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        given = [(name, getattr(self, name)) for name in self.__struct_fields__]
        return [(name, "…" if name in SECRETS and value else value) for name, value in given]


class DatabaseSettings(SecretSection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the facts are kept."""

    #: SQLAlchemy URL: `sqlite:///file` or `postgresql+psycopg://…`
    url: str = "sqlite:///var/sekvens.db"

    def __post_init__(self) -> None:
        if not _DATABASE_URL.fullmatch(self.url):  # not quoted: there may be a password in it
            raise ValueError("database.url must be sqlite:///a-file or postgresql+psycopg://…")


class ApiSettings(SecretSection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The HTTP API that the shop's backend posts to."""

    host: str = "127.0.0.1"
    port: Port = 8080
    #: how the outside reaches it: the base of unsubscribe links
    public_url: str = "http://127.0.0.1:8080"
    #: write keys, as in Segment; better given by SEKVENS_API__WRITE_KEYS (comma-separated)
    write_keys: tuple[str, ...] = ()
    #: signs the links in e-mails; at least 32 characters; better given by the environment
    link_secret: str = ""
    #: Temporal's own pages, with the namespace: the dashboard leads from an enrollment there
    temporal_ui_url: str = ""

    def __post_init__(self) -> None:
        url = urlsplit(self.temporal_ui_url)
        if self.temporal_ui_url and not (url.scheme in ("http", "https") and url.hostname):
            raise ValueError(
                f"api.temporal_ui_url is {self.temporal_ui_url!r}: it must begin with https:// (or "
                "http://), like https://cloud.temporal.io/namespaces/shop.a1b2c, or be empty"
            )


class DashboardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The pages for the staff."""

    #: what stands on top of every page, by language: that this is a test, or a demo
    note: dict[str, str] = {}


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
    #: what a reader has received comes again after so long, if it died: more than it works on it
    visibility_seconds: Annotated[int, msgspec.Meta(ge=1, le=43_200)] = 60
    #: how late an event may come, and how far others may overtake it
    event_delay_seconds: AtLeastOne = 540
    #: so long after the grace without proof of life the stream is silent: time for two probes
    silence_seconds: AtLeastOne = 1200
    #: at most one probe of the stream in so long
    probe_seconds: AtLeastOne = 60
    #: the SQS queue that SQS puts aside what was received too often; `status` shows how many lie in
    #: it; empty: none is looked at
    dead_letter_url: str = ""
    #: the SNS topics that may post reports to the API; empty: it takes none
    topic_arns: tuple[str, ...] = ()
    #: an address is suppressed after so many soft bounces with nothing delivered in between
    soft_bounces_max: AtLeastOne = 7

    def __post_init__(self) -> None:
        for name in ("queue_url", "dead_letter_url"):
            given = getattr(self, name)
            url = urlsplit(given)
            is_url = url.scheme in ("http", "https") and url.hostname and url.path.strip("/")
            if given and not is_url:
                raise ValueError(
                    f"feedback.{name} is {given!r}: it must be an SQS queue's whole URL, "
                    "https://sqs.<region>.amazonaws.com/<account>/<name>"
                )
        if self.queue_url and self.queue_url == self.dead_letter_url:
            raise ValueError("feedback.dead_letter_url is feedback.queue_url: it is another queue")
        wrong = [arn for arn in self.topic_arns if not TOPIC_ARN.fullmatch(arn)]
        if wrong:
            raise ValueError(
                f"feedback.topic_arns has {wrong[0]!r}: an SNS topic is written "
                "arn:aws:sns:<region>:<account>:<name>"
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
    #: this part of what SES takes in 24 hours is kept for order mail: marketing stops before it
    order_mail_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    #: a worker that does not say how a send went counts as dead after this long (wall time), and
    #: another one tries; with Amazon SES no sooner than an attempt may take (`ATTEMPT_SECONDS_MIN`)
    attempt_seconds: AtLeastOne = 60
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


class WebhookSettings(SecretSection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A system of the shop's own that a flow's `webhook` step calls by its name here."""

    #: where it is posted to
    url: str
    #: signs the calls: `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks has it
    secret: str
    #: whether its name may lead into a private network
    allow_private: bool = False
    #: whether it is told of every change of consent or suppression
    consent: bool = False
    #: … with the contact's address; without it, by ids alone
    address: bool = False
    #: sources whose changes it is not told of, for they came from it: `klaviyo`
    ignores: tuple[str, ...] = ()

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
    #: who signed up by the form and never confirmed it is erased after so many days; 0: never
    erase_unconfirmed_days: AtLeastZero = 30
    #: an e-mail can be opened in a browser for so many days; 0: no copy is kept, and no link made
    copies_days: AtLeastZero = 60
    #: after so many days only ids and sums stay of what events said; 0 here and below: all stays.
    #: No fewer than the flows look back
    event_properties_days: AtLeastZero = 730
    #: visits go after so many days
    visit_days: AtLeastZero = 365
    #: of what SES reported only the kind, the time and the message stay
    feedback_raw_days: AtLeastZero = 90
    #: what the relay has delivered goes
    delivery_days: AtLeastZero = 90
    #: events that could not be used go
    rejected_event_days: AtLeastZero = 30
    #: hours that were chosen for contacts go; `send-time` looks back 90 days
    send_time_choice_days: AtLeastZero = 120
    #: who was in which segment goes so long after they left it; days before that are told apart by
    #: segment as they were counted, and are not counted so again
    segment_stay_days: AtLeastZero = 730
    #: what the staff did on the dashboard goes
    audit_log_days: AtLeastZero = 730
    #: IP addresses go, and what was made of them
    ip_days: AtLeastZero = 30


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
