"""The names of events: Segment's e-commerce names, and the few that Segment lacks.

A name has one spelling here, so that a flow, a condition and a dashboard ask for one name; others
are turned into it on arrival (`sekvens.events.spelling`). A name unknown to us is kept as it came:
a shop may have events of its own, and flows may listen for them.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class EventKind:
    """One event that Sekvens knows by name, and what it folds into."""

    name: str
    folds_into: str = ""
    ours: bool = False  #: Segment has no such event


EMAIL_SUBSCRIBED: Final = "Email Subscribed"
"""The contact agreed to marketing by e-mail.

Segment has no event for it. Properties: `source` (which form, checkout or till), `wording` (the
sentence agreed to), `wording_version`, `page_url`: together the evidence of consent. `email` sets
the contact's address.
"""

EMAIL_CONFIRMATION_REQUESTED: Final = "Email Confirmation Requested"
"""Somebody signed up with the contact's address, and has yet to confirm by a link in an e-mail.

Segment has no event for it. Properties: those of `Email Subscribed`, and `request_id`, which keeps
two requests apart. Recorded by us when our sign-up form is posted. Whoever is subscribed stays so.
"""

EMAIL_PREFERENCES_CHANGED: Final = "Email Preferences Changed"
"""The contact has set what they hear about and how often: a topic is no whole unsubscribe.

Segment has no event for it. Properties: `topics` (name in the settings to true or false), `fewer`
(true: half of what the frequency cap allows), `pause_days` (no marketing for so long; 0 ends it).
"""

UNSUBSCRIBED: Final = "Unsubscribed"
"""The contact took consent to marketing back: Segment's own name in its e-mail vocabulary."""

TRACKING_ALLOWED: Final = "Tracking Allowed"
"""The contact agreed that what they do with our e-mails is noted. Segment has no such event.

Properties: `of` (`clicks`, `opens`, or a list of both; default `clicks`), `source`.
"""

TRACKING_REFUSED: Final = "Tracking Refused"
"""The contact took that back, or said no: `of` (default both), `source`. Segment has no such event.

`Unsubscribed` says it, too.
"""

CONTACT_SUPPRESSED: Final = "Contact Suppressed"
"""The contact's address must not be mailed, order e-mails included.

Segment has no event for it. Properties: `reason` (`bounce`, `complaint`, `manual`, `invalid`,
`inactive`; default `manual`) and `email` (default: the contact's address, or the first one that
they will have). `inactive` is about marketing only and ends when they subscribe again.
"""

SUPPRESSION_LIFTED: Final = "Suppression Lifted"
"""A person on the shop's staff ended the suppression of the contact's address.

Recorded by us (`starter.py contacts lift`). Properties: `reason` that it was for, `because`.
"""

CART_UPDATED: Final = "Cart Updated"
"""The cart as it now stands, in full: `cart_id`, `products[]`, `currency`.

Segment has only single products added and removed; a backend that keeps carts posts the whole one.
"""

CART_EMPTIED: Final = "Cart Emptied"
"""The last line went out of a cart. Derived by us, with the `messageId` `<id>#cart-emptied`.

A backend that has such an event may post it itself: `cart_id`.
"""

PAYMENT_PENDING: Final = "Payment Pending"
"""Somebody has chosen how to pay, and the money is on its way: that is no abandoned checkout.

Segment has no such event. For a shop whose order comes into being only once it is paid: an invoice
that waits for its credit check, a Klarna payment under review, a Swish payment not yet confirmed in
the app. Properties: `order_id`, `checkout_id`, `cart_id`, `method` (`invoice`, `klarna`, `swish`).
Derived by us, with the `messageId` `<id>#payment-pending`, from an event about a checkout whose
`payment_status` or `financial_status` is one of `PAYMENT_IS_PENDING`.

An `Order Completed` with a pending payment needs none: the order is placed, so it counts as an
order and ends what an order ends, until the shop cancels it. Shops ship on invoices, and Klarna's
payments stay `authorized` until the parcel leaves.
"""

ORDER_SHIPPED: Final = "Order Shipped"
"""An order left the warehouse. Segment has no such event.

Properties: `order_id`, `carrier`, `tracking_url`, `expected_on`.
"""

ORDER_READY_FOR_PICKUP: Final = "Order Ready for Pickup"
"""An order waits where its buyer fetches it. Segment has no such event.

Properties: `order_id`, `pickup_place`, `pickup_until`.
"""

ORDER_DELAYED: Final = "Order Delayed"
"""An order will come later than promised. Segment has no such event.

Properties: `order_id`, `delayed_until`, `reason`. It holds marketing back until the order has been
shipped, can be fetched, is delivered, cancelled or refunded.
"""

ORDER_DELIVERED: Final = "Order Delivered"
"""An order reached its buyer: `order_id`. Segment has no such event."""

RETURN_STARTED: Final = "Return Started"
"""The buyer wants to send something back: `order_id`, `products[]`. Segment has no such event.

It holds marketing back until `Return Completed` or `Order Refunded` for the same order.
"""

RETURN_COMPLETED: Final = "Return Completed"
"""A return is over, the goods received or the return called off: `order_id`.

Segment has no such event.
"""

COMPLAINT_OPENED: Final = "Complaint Opened"
"""The contact is not satisfied and the shop knows: `case_id`, or else `order_id`.

Segment has no such event. It holds marketing back until `Complaint Resolved` for the same case.
"""

COMPLAINT_RESOLVED: Final = "Complaint Resolved"
"""A complaint is settled: the id that it was opened with. Segment has no such event."""

EMAIL_DELIVERED: Final = "Email Delivered"
"""Another system's e-mail reached the contact: Segment's own name (spec/email).

Properties: `email_id`, `email_subject`, `campaign_id`, `campaign_name`, `purpose`. It counts for
what the contact has received, and for the frequency cap on that day, unless its `purpose` is
`transactional`; one `email_id` counts once. It enrolls nobody. Our own messages are counted without
it.
"""

EMAIL_REPLIED: Final = "Email Replied"
"""The contact wrote back, and the shop's help desk has it. Segment has no such event.

Properties: `case_id` (the help desk's own), `email_id`, `flow`, `automatic`. It holds marketing
back until `Reply Answered` for the same case, a week at the most; an out-of-office note
(`automatic`) holds nothing back.
"""

REPLY_ANSWERED: Final = "Reply Answered"
"""The help desk has answered: the `case_id` of the reply. Segment has no such event."""

EMAIL_LINK_CLICKED: Final = "Email Link Clicked"
"""A person clicked a link in an e-mail: Segment's own name (spec/email), a sign of life.

Properties: those of `Email Delivered`, `link_id`, `link_url`. Report no clicks of mail scanners.
Of our own e-mails we record it, with `flow` and `step`, once for each link and day
(`sekvens.engagement`).
"""

QUESTION_ANSWERED: Final = "Question Answered"
"""The contact answered a question of one of our e-mails, by the page that its link leads to.

Segment has no such event. Properties: `question`, `answer`, `flow`, `step`; `words`, what they
wrote in their own; `product_id` of a rating. The questions and their answers are those of
`sekvens.messages.questions`; an answer in a quiz becomes a trait.
"""

REFERRAL_REWARDED: Final = "Referral Rewarded"
"""A friend's first order carried the contact's own code, so that they have earned a reward.

Derived by us, with the `messageId` `<id>#referral-rewarded`, from the friend's `Order Completed`.
Properties: `offer` (the reward's name in the settings), `friend_order_id` (as an entry key it keeps
two rewards apart).
"""

PRODUCT_REVIEWED: Final = "Product Reviewed"
"""The contact reviewed a product: `product_id`, `review_id`, `review_body`, `rating`."""

BACK_IN_STOCK_REQUESTED: Final = "Back In Stock Requested"
"""The contact wants to be told when a product can be bought again: `product_id`.

Segment has no such event; Klaviyo calls it "Subscribed to Back in Stock". It is answered once, and
an `Unsubscribed` after it takes it back.
"""

PRODUCT_BACK_IN_STOCK: Final = "Product Back In Stock"
"""A product that the contact asked for, put into a cart or looked at can be bought again.

Recorded by us, once for each contact and each time that it comes back (`sekvens.products.changes`).
Properties: `product_id`, `because` (`asked`, `carted`, `viewed`: the strongest reason). Segment has
no such event.
"""

PRODUCT_PRICE_DROPPED: Final = "Product Price Dropped"
"""A product that the contact asked for, put into a cart or looked at costs less than in 30 days.

Recorded by us, as its counterpart. Properties: `product_id`, `because`, `price`, `currency`,
`lowest_price` (of the 30 days before).
"""

SEGMENT_ENTERED: Final = "Segment Entered"
"""The contact is in a segment from now on: `segment` (its name), `times` (how often by now).

Recorded by us, of segments that a flow listens for. Segment has no such event.
"""

SEGMENT_LEFT: Final = "Segment Left"
"""The contact is no longer in a segment: `segment`, `times`. Recorded by us, as its counterpart."""

LEVEL_REACHED: Final = "Loyalty Level Reached"
"""The contact has come to a higher level of loyalty: `level`, `previous` (if there was one).

Recorded by us, by what the settings say (`[[shop.levels]]`). Segment has no such event.
"""

LEVEL_LAPSED: Final = "Loyalty Level Lapsed"
"""The contact has come to a lower level or to none: `level` (if there is one), `previous`.

Recorded by us, as its counterpart.
"""

PAGE: Final = "page"
"""A page that the contact looked at, posted as Segment's page call and not as a track event.

Flows trigger on it and listen for it by this name. Properties: `url`, `title`, `name`, `product_id`
and `category`: one of `PAGE_CATEGORIES` where the page is about a product, its warranty, what the
press wrote, or a way to get help.
"""

PRODUCT_VIEWED: Final = "Product Viewed"
PRODUCT_ADDED: Final = "Product Added"
PRODUCT_REMOVED: Final = "Product Removed"
CART_VIEWED: Final = "Cart Viewed"
CHECKOUT_STARTED: Final = "Checkout Started"
ORDER_COMPLETED: Final = "Order Completed"
ORDER_UPDATED: Final = "Order Updated"
ORDER_REFUNDED: Final = "Order Refunded"
ORDER_CANCELLED: Final = "Order Cancelled"

CHECKOUT_STEP_COMPLETED: Final = "Checkout Step Completed"
PAYMENT_INFO_ENTERED: Final = "Payment Info Entered"

_CART = "cart"
_ORDER = "order"
_CASE = "open case"
_CASE_CLOSED = "open case: closed"

EVENTS: Final = (
    EventKind(name="Products Searched"),
    EventKind(name="Product List Viewed"),
    EventKind(name="Product List Filtered"),
    EventKind(name="Promotion Viewed"),
    EventKind(name="Promotion Clicked"),
    EventKind(name="Product Clicked"),
    EventKind(name=PRODUCT_VIEWED),
    EventKind(name=PRODUCT_ADDED, folds_into=_CART),
    EventKind(name=PRODUCT_REMOVED, folds_into=_CART),
    EventKind(name=CART_VIEWED, folds_into="cart, if it carries `products`"),
    EventKind(name=CART_UPDATED, folds_into=_CART, ours=True),
    EventKind(name=CART_EMPTIED, folds_into=_CART, ours=True),
    EventKind(name=CHECKOUT_STARTED, folds_into="cart, if it carries `products`"),
    EventKind(name="Checkout Step Viewed"),
    EventKind(name=CHECKOUT_STEP_COMPLETED),
    EventKind(name=PAYMENT_INFO_ENTERED),
    EventKind(name=PAYMENT_PENDING, ours=True),
    EventKind(name=ORDER_COMPLETED, folds_into="order; the cart is ordered"),
    EventKind(name=ORDER_UPDATED, folds_into=_ORDER),
    EventKind(name=ORDER_REFUNDED, folds_into=f"order; {_CASE_CLOSED}"),
    EventKind(name=ORDER_CANCELLED, folds_into=f"order; {_CASE_CLOSED}"),
    EventKind(name=ORDER_SHIPPED, folds_into=_CASE_CLOSED, ours=True),
    EventKind(name=ORDER_READY_FOR_PICKUP, folds_into=_CASE_CLOSED, ours=True),
    EventKind(name=ORDER_DELAYED, folds_into=_CASE, ours=True),
    EventKind(name=ORDER_DELIVERED, folds_into=_CASE_CLOSED, ours=True),
    EventKind(name=RETURN_STARTED, folds_into=_CASE, ours=True),
    EventKind(name=RETURN_COMPLETED, folds_into=_CASE_CLOSED, ours=True),
    EventKind(name=COMPLAINT_OPENED, folds_into=_CASE, ours=True),
    EventKind(name=COMPLAINT_RESOLVED, folds_into=_CASE_CLOSED, ours=True),
    EventKind(name="Coupon Entered"),
    EventKind(name="Coupon Applied"),
    EventKind(name="Coupon Denied"),
    EventKind(name="Coupon Removed"),
    EventKind(name="Product Added to Wishlist"),
    EventKind(name="Product Removed from Wishlist"),
    EventKind(name="Wishlist Product Added to Cart"),
    EventKind(name="Product Shared"),
    EventKind(name="Cart Shared"),
    EventKind(name=PRODUCT_REVIEWED, folds_into="review, pending"),
    EventKind(name=QUESTION_ANSWERED, folds_into="trait, of a question in the quiz", ours=True),
    EventKind(name=REFERRAL_REWARDED, ours=True),
    EventKind(name=BACK_IN_STOCK_REQUESTED, ours=True),
    EventKind(name=PRODUCT_BACK_IN_STOCK, ours=True),
    EventKind(name=PRODUCT_PRICE_DROPPED, ours=True),
    EventKind(name=SEGMENT_ENTERED, ours=True),
    EventKind(name=SEGMENT_LEFT, ours=True),
    EventKind(name=LEVEL_REACHED, ours=True),
    EventKind(name=LEVEL_LAPSED, ours=True),
    EventKind(name=EMAIL_DELIVERED),
    EventKind(name=EMAIL_LINK_CLICKED),
    EventKind(name=EMAIL_REPLIED, folds_into=_CASE, ours=True),
    EventKind(name=REPLY_ANSWERED, folds_into=_CASE_CLOSED, ours=True),
    EventKind(name=PAGE, folds_into="visit"),
    EventKind(name=EMAIL_SUBSCRIBED, folds_into="consent: subscribed", ours=True),
    EventKind(name=EMAIL_CONFIRMATION_REQUESTED, folds_into="consent: pending", ours=True),
    EventKind(name=EMAIL_PREFERENCES_CHANGED, folds_into="preferences, topics", ours=True),
    EventKind(name=UNSUBSCRIBED, folds_into="consent: unsubscribed"),
    EventKind(name=TRACKING_ALLOWED, folds_into="consent to tracking", ours=True),
    EventKind(name=TRACKING_REFUSED, folds_into="consent to tracking", ours=True),
    EventKind(name=CONTACT_SUPPRESSED, folds_into="suppression", ours=True),
    EventKind(name=SUPPRESSION_LIFTED, ours=True),
)

#: What `flows validate` checks a flow's events against.
KNOWN_EVENTS: Final = frozenset(kind.name for kind in EVENTS)

#: What other systems did, and not the contact: no flow starts on it, whatever its trigger says.
ENROLLS_NOBODY: Final = frozenset({EMAIL_DELIVERED})

CONSENT_EVENTS: Final = frozenset({EMAIL_SUBSCRIBED, EMAIL_CONFIRMATION_REQUESTED, UNSUBSCRIBED})
ORDER_EVENTS: Final = frozenset({ORDER_COMPLETED, ORDER_UPDATED, ORDER_REFUNDED, ORDER_CANCELLED})
CART_EVENTS: Final = frozenset(
    {
        PRODUCT_ADDED,
        PRODUCT_REMOVED,
        CART_VIEWED,
        CART_UPDATED,
        CART_EMPTIED,
        CHECKOUT_STARTED,
        ORDER_COMPLETED,
    }
)

#: These are about one cart, and say which; a shop that names none has only the one. An order is not
#: among them: one that names no cart has decided on all of them.
ONE_CART_EVENTS: Final = CART_EVENTS - {ORDER_COMPLETED}
DEFAULT_CART_ID: Final = "default"

#: Pages that say more than that somebody was there; levelled to this spelling on arrival.
PAGE_CATEGORIES: Final = frozenset({"product", "warranty", "press", "support"})

#: Events about a checkout that may say how its payment stands.
CHECKOUT_EVENTS: Final = frozenset(
    {CHECKOUT_STARTED, CHECKOUT_STEP_COMPLETED, PAYMENT_INFO_ENTERED}
)
#: The buyer has done their part, and the money is not there yet: Shopify's financial statuses, and
#: what Klarna (`authorized`, `pending`) and Swish (`created`) call it.
PAYMENT_IS_PENDING: Final = frozenset(
    {"pending", "authorized", "in_progress", "processing", "created"}
)
