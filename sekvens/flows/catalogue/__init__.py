"""The flows that ship with Sekvens, one file each; a shop adds its own here."""

from sekvens.flows.catalogue.back_in_stock import BACK_IN_STOCK
from sekvens.flows.catalogue.birthday import BIRTHDAY
from sekvens.flows.catalogue.browse_abandonment import BROWSE_ABANDONMENT
from sekvens.flows.catalogue.cart_abandonment import CART_ABANDONMENT
from sekvens.flows.catalogue.checkout_abandonment import CHECKOUT_ABANDONMENT
from sekvens.flows.catalogue.double_opt_in import DOUBLE_OPT_IN
from sekvens.flows.catalogue.milestones import MILESTONES
from sekvens.flows.catalogue.order_updates import ORDER_UPDATES
from sekvens.flows.catalogue.owner_visits import OWNER_VISITS
from sekvens.flows.catalogue.post_purchase_first import POST_PURCHASE_FIRST
from sekvens.flows.catalogue.post_purchase_returning import POST_PURCHASE_RETURNING
from sekvens.flows.catalogue.price_drop import PRICE_DROP
from sekvens.flows.catalogue.referral_thanks import REFERRAL_THANKS
from sekvens.flows.catalogue.replenishment import REPLENISHMENT
from sekvens.flows.catalogue.return_help import RETURN_HELP
from sekvens.flows.catalogue.sunset import SUNSET
from sekvens.flows.catalogue.welcome import WELCOME
from sekvens.flows.catalogue.winback import WINBACK, WINBACK_GOODBYE
from sekvens.flows.definition import Flow

#: In the order in which a contact may come to them.
CATALOGUE: tuple[Flow, ...] = (
    DOUBLE_OPT_IN,
    WELCOME,
    BROWSE_ABANDONMENT,
    CART_ABANDONMENT,
    CHECKOUT_ABANDONMENT,
    BACK_IN_STOCK,
    PRICE_DROP,
    ORDER_UPDATES,
    RETURN_HELP,
    POST_PURCHASE_FIRST,
    POST_PURCHASE_RETURNING,
    REFERRAL_THANKS,
    OWNER_VISITS,
    MILESTONES,
    BIRTHDAY,
    REPLENISHMENT,
    WINBACK,
    WINBACK_GOODBYE,
    SUNSET,
)
