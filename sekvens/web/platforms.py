"""How each shop platform posts its webhooks: which headers say what, and who reads them."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from sekvens.events.adapters import shopify, woocommerce
from sekvens.events.adapters.reading import Told, Webhook
from sekvens.events.adapters.section import AdapterSettings
from sekvens.events.adapters.shopify_people import SOURCE as _SHOPIFY
from sekvens.events.adapters.woocommerce_orders import SOURCE as _WOOCOMMERCE
from sekvens.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Platform:
    """How one platform posts."""

    name: str  #: as people write it
    source: str  #: of the path, and in ids
    settings: AdapterSettings
    signature: str  #: the header that it stands in
    shop: str  #: the header that says which shop posts
    topic: str
    event_id: Callable[[Request, bytes], str]
    triggered_at: str
    read: Callable[[Webhook], Told]
    consent_key: str = ""
    pings: bool = False  #: it posts a word, unsigned, when a webhook is saved


def platforms_of(settings: Settings) -> tuple[Platform, ...]:
    """List the platforms that may post, each as the settings have it."""
    adapters = settings.adapters
    return (
        Platform(
            name="Shopify",
            source=_SHOPIFY,
            settings=adapters.shopify,
            signature="X-Shopify-Hmac-Sha256",
            shop="X-Shopify-Shop-Domain",
            topic="X-Shopify-Topic",
            event_id=_shopify_event_id,
            triggered_at="X-Shopify-Triggered-At",
            read=shopify.read,
        ),
        Platform(
            name="WooCommerce",
            source=_WOOCOMMERCE,
            settings=adapters.woocommerce,
            signature="X-WC-Webhook-Signature",
            shop="X-WC-Webhook-Source",
            topic="X-WC-Webhook-Topic",
            event_id=lambda _request, body: woocommerce.contents_id(body),
            triggered_at="",
            read=woocommerce.read,
            consent_key=adapters.woocommerce.consent_key,
            pings=True,
        ),
    )


def _shopify_event_id(request: Request, body: bytes) -> str:
    """Tell the event's id, or the delivery's: both stay the same over all attempts."""
    headers = request.headers
    given = headers.get("X-Shopify-Event-Id") or headers.get("X-Shopify-Webhook-Id")
    return given or woocommerce.contents_id(body)
