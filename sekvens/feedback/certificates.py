"""SNS's signing certificates: fetched once each, and only from where Amazon keeps them.

An address is matched whole before anything is fetched: https, an SNS host of Amazon's, no user, no
other port, the one form of path, no redirects. Beside a local SES it is that SES's own host, and no
other.
"""

import logging
import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import urllib3
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sekvens.clock import Clock
from sekvens.errors import SekvensError
from sekvens.sections import is_local

logger = logging.getLogger(__name__)

_AMAZON: Final = r"https://sns\.[a-z0-9-]{3,32}\.amazonaws\.com(?:\.cn)?(?::443)?"
#: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
_CERTIFICATE_PATH: Final = r"/SimpleNotificationService-[0-9a-f]{32}\.pem"
_CONFIRMATION_QUERY: Final = r"/\?[A-Za-z0-9%&=_.:+-]{1,2000}"
_TIMEOUT_SECONDS: Final = 5.0
_BYTES_MAX: Final = 64 * 1024
#: Amazon changes its certificate once a year. Whoever knows a topic's name could have us fetch
#: made-up ones: so many at most in a minute.
FETCHES_MAX: Final = 6
FETCHES_SPAN: Final = timedelta(minutes=1)

Fetch: TypeAlias = Callable[[str], bytes]


class NotFetched(SekvensError):
    """SNS cannot be asked now; it posts again, and then we ask again."""


class NotTrusted(SekvensError):
    """The address, or what lies there, is not of Amazon SNS."""


class SnsHosts:
    """Which addresses are of SNS: Amazon's, or the local SES's own."""

    def __init__(self, ses_endpoint_url: str) -> None:
        base = _AMAZON
        if is_local(ses_endpoint_url):
            parts = urlsplit(ses_endpoint_url)
            base = re.escape(f"{parts.scheme}://{parts.netloc}/_local/sns")
        self._certificate = re.compile(base + _CERTIFICATE_PATH)
        self._confirmation = re.compile(base + _CONFIRMATION_QUERY)

    def has_certificate(self, url: str) -> bool:
        """Tell whether a signing certificate may be fetched from there."""
        return self._certificate.fullmatch(url) is not None

    def confirms(self, url: str) -> bool:
        """Tell whether a subscription may be confirmed there."""
        return self._confirmation.fullmatch(url) is not None


class Certificates:
    """The public keys behind certificates' addresses. Threads share it."""

    def __init__(self, *, hosts: SnsHosts, clock: Clock, fetch: Fetch) -> None:
        self._hosts = hosts
        self._clock = clock
        self._fetch = fetch
        self._known: dict[str, tuple[RSAPublicKey, datetime]] = {}
        self._fetched_at: list[datetime] = []
        self._lock = threading.Lock()

    def key_of(self, url: str) -> RSAPublicKey:
        """Tell the key of the certificate at an address.

        Raises:
            NotTrusted: it is no address of SNS, or no valid certificate lies there.
            NotFetched: it cannot be had now.
        """
        if not self._hosts.has_certificate(url):
            raise NotTrusted("its certificate does not lie at Amazon SNS")
        now = self._clock.now()
        with self._lock:
            key, ends = self._known.get(url, (None, now))
            if key is None or ends <= now:
                self._take_turn(now)
                key, ends = _read(self._fetch(url), now=now)
                self._known = {url: (key, ends)} | dict(list(self._known.items())[:FETCHES_MAX])
        return key

    def _take_turn(self, now: datetime) -> None:
        self._fetched_at = [at for at in self._fetched_at if at > now - FETCHES_SPAN]
        if len(self._fetched_at) >= FETCHES_MAX:
            raise NotFetched("too many certificates were asked for within a minute")
        self._fetched_at.append(now)


def fetch(url: str) -> bytes:
    """Fetch what lies at an address that has been checked; follow nothing.

    Raises:
        NotFetched: it does not answer, or not with what was asked for.
    """
    try:
        answer = urllib3.request(
            "GET", url, redirect=False, retries=False, preload_content=False,
            timeout=urllib3.Timeout(total=_TIMEOUT_SECONDS),
        )  # fmt: skip
        content = answer.read(_BYTES_MAX)
        answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise NotFetched(f"SNS does not answer: {type(error).__name__}") from error
    if answer.status != 200:
        raise NotFetched(f"SNS answers {answer.status}")
    return content


def _read(content: bytes, *, now: datetime) -> tuple[RSAPublicKey, datetime]:
    try:
        certificate = x509.load_pem_x509_certificate(content)
        key = certificate.public_key()
    except ValueError:
        raise NotTrusted("there is no certificate at its address") from None
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not isinstance(key, RSAPublicKey) or not begins <= now < ends:
        raise NotTrusted("the certificate is not valid now, or not RSA's")
    return key, ends
