"""The one thing about a signature that the local SES looks at: its age.

Any key will do, but a request that was signed too long ago is refused, as AWS does: that is the
fence against a sender that was frozen between signing and writing.
"""

from datetime import UTC, datetime, timedelta

from starlette.requests import Request

from sekvens.clock import Clock
from sekvens.ses.local.checks import Refused

#: AWS refuses a request that was signed longer ago, or that far ahead.
SIGNATURE_AGE_MAX = timedelta(minutes=5)


class SignatureCheck:
    """Refuses requests that are not signed, or were signed too long ago."""

    def __init__(self, clock: Clock, age_max: timedelta = SIGNATURE_AGE_MAX) -> None:
        self._clock = clock
        self._age_max = age_max

    def __call__(self, request: Request) -> None:
        """Let a request pass.

        Raises:
            Refused: with AWS's own code.
        """
        if not request.headers.get("authorization", "").startswith("AWS4-"):
            code = "MissingAuthenticationTokenException"
            raise Refused(code, "Missing Authentication Token", status=403)
        try:
            signed = datetime.strptime(
                request.headers.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ"
            ).replace(tzinfo=UTC)
        except ValueError:
            code = "IncompleteSignatureException"
            raise Refused(code, "X-Amz-Date is missing or malformed.", status=403) from None
        if abs(self._clock.now() - signed) > self._age_max:
            minutes = self._age_max / timedelta(minutes=1)
            raise Refused(
                "InvalidSignatureException",
                f"Signature expired: {signed:%Y%m%dT%H%M%SZ} is more than {minutes:g} min. "
                "from now",
                status=403,
            )
