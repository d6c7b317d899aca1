"""What is predicted of a contact, and over which time; standard library only."""

from enum import StrEnum
from typing import Final, NamedTuple

#: Predictions look so many days ahead, and a backtest holds back as many.
DAYS_AHEAD: Final = 90


class Kind(StrEnum):
    """What one prediction says; rows hold these values."""

    ORDERS = "orders_in_90_days"  #: so many orders within 90 days
    CHURN = "churn"  #: how likely it is that none comes within 90 days, from 0 to 1
    NEXT_ORDER = "next_order"  #: the day on which the next one is to be expected, if one comes
    LAPSE = "lapse"  #: the instant from which the contact counts as lapsed


class Method(StrEnum):
    """What a prediction was made by; rows hold these values."""

    MODEL = "bg_nbd"
    RULE = "gaps"


class Forecast(NamedTuple):
    """What is to be expected of one contact."""

    orders: float  #: within `DAYS_AHEAD`
    churn: float
    next_in: float  #: days until the next order, if one comes within `DAYS_AHEAD`
