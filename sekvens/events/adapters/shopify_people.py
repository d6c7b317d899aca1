"""Who it is in Shopify's webhooks, and what they have agreed to.

A customer is known by Shopify's id, a buyer without an account by their address, a visitor by the
token of their cart; carts and orders have a name as a visitor has one, so that what says nothing
of its owner (a cart, a refund) is given to them, whichever comes first.
"""

from typing import Any, Final

from sekvens.events.adapters.reading import (
    Event,
    Table,
    Webhook,
    address,
    guest_id,
    id_of,
    instant,
    message_id,
    table,
    text,
    told,
    track,
)
from sekvens.events.schema import EMAIL_CONFIRMATION_REQUESTED, EMAIL_SUBSCRIBED, UNSUBSCRIBED

SOURCE: Final = "shopify"
#: What Shopify says of consent (CustomerEmailMarketingState). What is not known says nothing.
_CONSENT: Final = {
    "subscribed": EMAIL_SUBSCRIBED,
    # Without a `request_id` nobody is asked by us as well: Shopify has sent its own e-mail.
    "pending": EMAIL_CONFIRMATION_REQUESTED,
    "unsubscribed": UNSUBSCRIBED,
    "not_subscribed": UNSUBSCRIBED,
    "redacted": UNSUBSCRIBED,
    "invalid": UNSUBSCRIBED,
}
_GID: Final = "gid://shopify/Customer/"


def user_id(webhook: Webhook, customer: str) -> str:
    """Name a customer as a contact's `userId`."""
    return f"{webhook.user_id_prefix}{customer}"


def customer_id(webhook: Webhook, customer: Table) -> str | None:
    """Name the customer in a webhook; None if there is none."""
    found = id_of(customer, "id")
    return None if found is None else user_id(webhook, found)


def buyer_id(webhook: Webhook, order: Table) -> str | None:
    """Name who has ordered; without a customer's account, by their address."""
    known = customer_id(webhook, table(order, "customer"))
    if known is not None:
        return known
    email = address(order, "email", "contact_email")
    return None if email is None else user_id(webhook, guest_id(email))


def cart_of(of: Table, name: str) -> str | None:
    """Read a cart's token, without the `?key=…` that some of Shopify's interfaces add."""
    token = id_of(of, name)
    return (token.partition("?")[0] or None) if token else None


def order_name(order_id: str) -> str:
    """Name an order as if it were a visitor, until we know whose it is."""
    return f"{SOURCE}-order-{order_id}"


def identify(
    webhook: Webhook,
    customer: Table,
    *,
    of: Table | None = None,
    known: str | None = None,
    visitor: str | None = None,
) -> Event:
    """Tell what a webhook says of a person.

    Args:
        webhook: It came by this one.
        customer: Shopify's customer, perhaps empty.
        of: The order or checkout that the customer stands in.
        known: The person's `userId`; default the customer's.
        visitor: What they were known by as a visitor.
    """
    around = of or {}
    return {
        "type": "identify",
        "userId": known or customer_id(webhook, customer),
        "anonymousId": visitor,
        "timestamp": instant(of or customer, "updated_at", "created_at") or webhook.triggered_at,
        "messageId": message_id(
            SOURCE, webhook.topic, _about(of or customer), webhook.event_id, "who"
        ),
        "traits": _traits(webhook, customer, around),
    }


def consent(webhook: Webhook, customer: Table) -> tuple[Event, ...]:
    """Tell what a customer has said about marketing by e-mail, at the time they said it.

    `not_subscribed` without a time is somebody who was never asked, and no word of theirs.
    """
    said = table(customer, "email_marketing_consent")
    state = (text(said, "state") or "").casefold()
    known = customer_id(webhook, customer)
    at = instant(said, "consent_updated_at")
    name = _CONSENT.get(state)
    if name is None or known is None or (state == "not_subscribed" and at is None):
        return ()
    return (
        track(
            name,
            user_id=known,
            at=at or instant(customer, "updated_at") or webhook.triggered_at,
            # The same word comes with a customer, an order and by itself.
            message_id=message_id(SOURCE, "consent", known, state, at or webhook.event_id),
            properties=told(
                source=SOURCE,
                state=state,
                opt_in_level=text(said, "opt_in_level"),
                collected_from=text(said, "consent_collected_from"),
                email=address(customer, "email") if name == EMAIL_SUBSCRIBED else None,
            ),
        ),
    )


def merged(webhook: Webhook) -> tuple[Event, ...]:
    """Tell that the shop has merged two customers into one."""
    kept = _of_gid(webhook, "admin_graphql_api_customer_kept_id")
    gone = _of_gid(webhook, "admin_graphql_api_customer_deleted_id")
    if kept is None or gone is None or (text(webhook.body, "status") or "") == "failed":
        return ()
    return (
        {
            "type": "alias",
            "userId": kept,
            "previousId": gone,
            "timestamp": webhook.triggered_at,
            "messageId": message_id(SOURCE, "merge", kept, gone),
        },
    )


def _of_gid(webhook: Webhook, name: str) -> str | None:
    given = text(webhook.body, name) or ""
    found = given.removeprefix(_GID)
    return user_id(webhook, found) if given.startswith(_GID) and found.isdecimal() else None


def _about(of: Table) -> str:
    return id_of(of, "id") or id_of(of, "token") or ""


def _traits(webhook: Webhook, customer: Table, around: Table) -> dict[str, Any]:
    home = table(customer, "default_address")
    sent_to = table(around, "shipping_address") or table(around, "billing_address")
    traits = told(
        email=address(customer, "email") or address(around, "email", "contact_email"),
        firstName=text(customer, "first_name") or text(sent_to, "first_name"),
        lastName=text(customer, "last_name") or text(sent_to, "last_name"),
        locale=text(around, "customer_locale") or text(customer, "locale"),
        country=text(sent_to, "country_code") or text(home, "country_code"),
    )
    if webhook.topic == "customers/update" and customer.get("email", "") is None:
        traits["email"] = None  # the shop has taken the address away
    return traits
