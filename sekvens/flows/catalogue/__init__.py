"""The flows that ship with Sekvens, one file each; a shop adds its own here."""

from sekvens.flows.catalogue.cart_abandonment import CART_ABANDONMENT
from sekvens.flows.catalogue.welcome import WELCOME
from sekvens.flows.definition import Flow

CATALOGUE: tuple[Flow, ...] = (WELCOME, CART_ABANDONMENT)
