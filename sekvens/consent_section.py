"""The section of the settings file about consent: topics, wordings, sign-up, and what it rests on.

A topic is a matter of settings, not of flows: to give a flow another topic changes nothing that is
pinned, and is true of everybody who is under way in it from the next e-mail on.
"""

import re
from functools import cached_property
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from sekvens.shop import Localized

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:\d+)?")


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that the shop writes about, which a contact may leave out."""

    #: as the preference page says it
    name: Localized
    #: flows that are about it, `birthday`, or single e-mails of a flow, `winback/the-last-one`
    flows: tuple[str, ...]
    #: one more sentence about it on the preference page
    about: Localized = {}


class ConsentSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True
):
    """What contacts agree to, how they are asked, and what else marketing may rest on."""

    #: whoever signs up by our form has to confirm by a link in an e-mail first
    double_opt_in: bool = True
    #: whether a purchase is a basis for marketing of similar products, until the buyer says no
    soft_opt_in: bool = False
    #: … for so many days (shop time) after it
    soft_opt_in_days: AtLeastOne = 365
    #: which of the wordings the form shows now
    wording: str = ""
    #: version to the sentence that a contact agrees to, in each language; never changed once used
    wordings: dict[str, Localized] = {}
    #: what the shop writes about, by a name that is never changed
    topics: dict[str, Topic] = {}
    #: sites whose pages may post a sign-up by a script: `https://shop.example`
    origins: tuple[str, ...] = ()
    #: where a form of the shop's own leads after a sign-up; empty: to a page of ours
    thanks_url: str = ""
    #: sign-ups taken from one IP address in an hour
    sign_ups_per_hour: AtLeastOne = 20

    def __post_init__(self) -> None:
        if self.wording and self.wording not in self.wordings:
            raise ValueError(
                f"consent.wording is {self.wording!r}, which consent.wordings does not have"
            )
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"consent.origins has {origin!r}: write https://shop.example, without a path"
                )
        if self.thanks_url and urlsplit(self.thanks_url).scheme not in ("http", "https"):
            raise ValueError("consent.thanks_url must begin with https:// (or http://)")
        self._check_topics()

    def topic_of(self, flow: str, step_id: str) -> str | None:
        """Name the topic of an e-mail: its own, or its flow's; None if it has none."""
        topics = self._topics_by_place
        return topics.get(f"{flow}/{step_id}") or topics.get(flow)

    @cached_property
    def _topics_by_place(self) -> dict[str, str]:
        return {place: name for name, topic in self.topics.items() for place in topic.flows}

    def is_about(self, flow: str, topic: str) -> bool:
        """Tell whether a whole flow is about a topic, rather than single e-mails of it."""
        return flow in self.topics[topic].flows

    def _check_topics(self) -> None:
        seen: dict[str, str] = {}
        for name, topic in self.topics.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"consent.topics.{name}: write a name like new-products")
            if not topic.name:
                raise ValueError(f"consent.topics.{name}.name is empty: say what it is about")
            for place in topic.flows:
                if place in seen:
                    raise ValueError(
                        f"consent.topics.{name}: {place} is about {seen[place]} already, and an "
                        "e-mail has one topic"
                    )
                seen[place] = name
