"""A few of the cast whose address is no good, or who call our mail spam: a shop has such, too.

The local SES is told beforehand what becomes of mail to them, and reports it as Amazon would.
"""

import json
import urllib.request
from collections.abc import Sequence
from typing import Final

from sekvens.demo.people import Person, invent_people
from sekvens.demo.services import Site
from sekvens.errors import SekvensError

#: Mail to every so many-th person bounces …
BOUNCES_EVERY: Final = 17
#: … or arrives, and is complained of.
COMPLAINS_EVERY: Final = 19


def misfortunes(people: Sequence[Person]) -> dict[str, list[str]]:
    """Tell what becomes of mail to whom, in the local SES's words."""
    found = {}
    for number, person in enumerate(people, start=1):
        if number % BOUNCES_EVERY == 0:
            found[person.email] = ["bounce"]
        elif number % COMPLAINS_EVERY == 0:
            found[person.email] = ["delivery", "complaint"]
    return found


def tell_misfortunes(site: Site) -> None:
    """Tell the local SES of them.

    Raises:
        SekvensError: it does not answer.
    """
    url = f"{site.inbox_url}/_local/fates"
    for email, tells in misfortunes(invent_people()).items():
        body = json.dumps({"recipient": email, "tells": tells}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers, method="PUT")  # noqa: S310  our own
        try:
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
        except OSError as error:
            raise SekvensError(f"the local SES does not answer at {url}: {error}") from error
