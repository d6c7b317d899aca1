"""Whether the settings have the feeds that an e-mail speaks of, with the fields that it wants.

Asked before a flow goes live. Afterwards the settings may change: an e-mail whose feed or field is
gone has its other words. So has a shipped e-mail, in a shop that has no feed for it.
"""

from collections.abc import Mapping

from sekvens.errors import TemplateError
from sekvens.feeds.section import SHIPPED, FeedSettings
from sekvens.messages.needs import Needs


def check_feeds(name: str, needs: Needs, feeds: Mapping[str, FeedSettings]) -> None:
    """Refuse an e-mail that asks for what no feed of the settings tells.

    A feed that shipped e-mails speak of may be missing as a whole.

    Raises:
        TemplateError: it names a feed or a field that is not there.
    """
    for feed, fields in needs.feeds.items():
        settings = feeds.get(feed)
        if settings is None and feed in SHIPPED:
            continue
        if settings is None:
            known = ", ".join(sorted(feeds)) or "none"
            raise TemplateError(
                f"{name} speaks of the feed {feed!r}, and the settings have {known}: add "
                f"[feeds.{feed}], or mend the e-mail"
            )
        missing = sorted(fields - settings.fields.keys())
        if missing:
            known = ", ".join(sorted(settings.fields))
            raise TemplateError(
                f"{name} speaks of {missing[0]!r} of the feed {feed!r}, which has {known}: add "
                f"[feeds.{feed}.fields.{missing[0]}], or mend the e-mail"
            )
