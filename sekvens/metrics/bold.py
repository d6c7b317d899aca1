"""The seven metrics that a shop is steered by, in the order in which the board shows them."""

from typing import Final

#: Of contacts who signed up, those are told first of whom it is known first; the later days stand
#: in the table by cohort.
BOLD: Final = (
    "open-rate", "click-to-open", "review-conversion", "repeat-purchase", "nps",
    "cart-redemption", "kept-30-days",
)  # fmt: skip
