"""The section of the settings file about shop platforms: who may post, and how they sign it.

An adapter without a secret is off.
"""

import re
from typing import Final

import msgspec

from sekvens.sections import SecretSection

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?")
#: A shorter one can be guessed. Shopify's own are longer.
SECRET_CHARACTERS_MIN: Final = 16


class AdapterSettings(SecretSection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is the same for every platform."""

    #: sign its webhooks; several while one takes another's place. Better given by the environment
    secrets: tuple[str, ...] = ()
    #: the hosts of the shops that may post: `hallgrensylle.myshopify.com`
    shops: tuple[str, ...] = ()
    #: stands before its customers' ids, where they could be taken for those of another system
    user_id_prefix: str = ""

    def __post_init__(self) -> None:
        # Neither is quoted: what stands in the wrong place may be the secret.
        if any(len(secret) < SECRET_CHARACTERS_MIN for secret in self.secrets):
            raise ValueError(
                f"an adapter's secrets have at least {SECRET_CHARACTERS_MIN} characters each"
            )
        if not all(_HOST.fullmatch(shop) for shop in self.shops):
            raise ValueError("an adapter's shops are hosts, in small letters: my-shop.example")
        if self.secrets and not self.shops:
            raise ValueError("an adapter with secrets needs shops: the hosts that may post")

    @property
    def is_on(self) -> bool:
        """Tell whether anybody may post."""
        return bool(self.secrets)


class ShopifySettings(AdapterSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Shopify: the secrets are the app's client secret."""


class WooCommerceSettings(AdapterSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """WooCommerce: the secret is the one that each webhook was saved with."""

    #: the order's meta key by which a checkout's opt-in is told; empty: orders tell of no consent
    consent_key: str = ""


class AdaptersSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The platforms that may post."""

    shopify: ShopifySettings = ShopifySettings()
    woocommerce: WooCommerceSettings = WooCommerceSettings()
