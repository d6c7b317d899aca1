"""The signature of a webhook: HMAC-SHA256 of its raw body, in base64.

Shopify and WooCommerce sign alike (shopify.dev/docs/apps/build/webhooks/verify-deliveries,
developer.woocommerce.com/docs/apis/rest-api/v3/webhooks). Only the body is signed: what stands in a
header is a claim of whoever holds a signed body.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence


def sign(body: bytes, secret: str) -> str:
    """Sign a body, as the platforms do."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def is_signed(body: bytes, given: str, secrets: Sequence[str]) -> bool:
    """Tell whether a body was signed with one of the secrets."""
    claimed = given.strip().encode("utf-8", "replace")
    # Each is compared, so that the time taken tells nothing about which of them is near.
    fits = [hmac.compare_digest(claimed, sign(body, secret).encode()) for secret in secrets]
    return any(fits)
