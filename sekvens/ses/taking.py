"""What takes messages: Amazon SES through `SesClient`, or `sekvens.ses.testing.FakeSes`."""

from collections.abc import Mapping
from typing import Protocol


class Ses(Protocol):
    """Takes one message at a time, once."""

    def send(
        self, *, raw: bytes, sender: str, recipient: str, tags: Mapping[str, str], deadline: float,
        tracks_opens: bool = False,
    ) -> str:  # fmt: skip
        """Hand over one message, and tell SES's id of it; see `SesClient.send`."""
        ...
