"""Signatures of webhooks, as Standard Webhooks has them, so that receivers can use its libraries.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  the public part
#: The specification's own bounds.
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64


def key_of_secret(secret: str) -> bytes:
    """Read a secret: `whsec_` and 24 to 64 bytes in base64.

    Raises:
        ValueError: it is none; the message does not quote it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook's secret is whsec_ and base64") from error
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise ValueError(f"a webhook's secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes")
    return key


def signed_headers(secret: str, *, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Make the three headers by which a receiver knows that a call is ours, and fresh."""
    timestamp = str(int(at.timestamp()))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    digest = hmac.digest(key_of_secret(secret), signed, hashlib.sha256)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
