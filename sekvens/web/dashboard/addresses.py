"""Addresses of the dashboard."""

import re
from typing import Final

_OURS: Final = re.compile(r"/staff(?:[/?][\w/?=&.%+:@~-]*)?", re.ASCII)


def is_ours(path: str) -> bool:
    """Tell whether an address leads to a page of the dashboard, and nowhere else."""
    return bool(_OURS.fullmatch(path))
