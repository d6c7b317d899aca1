"""How much of everything: the short setting in `make test`, the long one in `make chaos`.

`CHAOS=long` chooses; `SEED` repeats a run's random choices.
"""

import os
from typing import Final, TypeVar

T = TypeVar("T")

LONG: Final = os.environ.get("CHAOS") == "long"
SEED: Final = int(os.environ.get("SEED", "20261122"))


def pick(*, short: T, long: T) -> T:
    """Take the value of the setting that runs."""
    return long if LONG else short
