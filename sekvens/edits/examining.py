"""What is wrong with an edited e-mail: what `flows validate` would say of it, and remedies with it.

Reading a source is safe anywhere (`sekvens.messages.allowed`); it is rendered in a limited process.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from sekvens.contacts.tables import SuppressionReason
from sekvens.edits.live import LiveEmail
from sekvens.errors import TemplateError, TooSlow
from sekvens.events.schema import KNOWN_EVENTS
from sekvens.feeds.reading import samples
from sekvens.flows.steps import Send
from sekvens.flows.validate import Known, validate
from sekvens.messages.facts import Facts
from sekvens.messages.feeding import check_feeds
from sekvens.messages.foreign import compose_all_foreign
from sekvens.messages.needs import needs
from sekvens.messages.promotion import promotions
from sekvens.messages.samples import in_season, sample_facts
from sekvens.messages.source import Source, read_source
from sekvens.messages.templates import StoredTemplate, plain_locales
from sekvens.settings import Settings

#: How many products lie in the cart, or were ordered, of the contacts it is composed for.
_PRODUCTS: Final = (1, 3, 20)


KEPT_MAX: Final = 512

_kept: dict[tuple[str, tuple[str, ...], tuple[str, ...], date], tuple[str, ...]] = {}


@dataclass(frozen=True, kw_only=True)
class Examiner:
    """What an e-mail is examined with."""

    settings: Settings
    now: datetime  #: wall time; the sample contacts live then


def findings(
    examiner: Examiner, email: LiveEmail, template: StoredTemplate, keys: Iterable[str]
) -> list[str]:
    """List what is wrong with a template that is to take an e-mail's place, in the texts `keys`.

    Empty: it may be published. What was found is kept for a day, as a template never changes.
    """
    texts = tuple(keys)
    flows = tuple(f"{each.flow.name} v{each.flow.version}" for each in email.flows)
    kept_as = (template.digest, texts, flows, examiner.now.date())
    if kept_as not in _kept:
        if len(_kept) >= KEPT_MAX:
            _kept.clear()
        try:
            _kept[kept_as] = tuple(_findings(examiner, email, template, texts))
        except TooSlow as error:  # the machine is busy: it may be well another time
            return [str(error)]
    return list(_kept[kept_as])


def _findings(
    examiner: Examiner, email: LiveEmail, template: StoredTemplate, keys: Iterable[str]
) -> list[str]:
    try:
        check_feeds(template.name, needs(template), examiner.settings.feeds)
        found = _faults_of_flows(email, template, examiner.settings)
        for key in keys:
            compose_all_foreign(
                template,
                list(_contacts(examiner, template, key)),
                shop=in_season(examiner.settings.shop, _season(key), now=examiner.now)[0],
            )
    except TooSlow:
        raise
    except TemplateError as error:
        return [str(error)]
    return found


def sample(
    examiner: Examiner, name: str, key: str, *, products: int = 3, has_feeds: bool = True
) -> Facts:
    """Make up who gets an e-mail in the text `key`: in its locale, and in its season if it has one.

    Raises:
        TemplateError: the settings know no such season.
    """
    settings = examiner.settings
    shop, now = in_season(settings.shop, _season(key), now=examiner.now)
    return sample_facts(
        shop,
        name=name,
        locale=key.rpartition(".")[2],
        now=now,
        public_url=settings.api.public_url,
        products=products,
        feeds=samples(settings.feeds) if has_feeds else {},
    )


def _contacts(examiner: Examiner, template: StoredTemplate, key: str) -> Iterable[Facts]:
    """Make up everybody whom a text has to fit: named or not, with little or much, fed or not."""
    for products in _PRODUCTS:
        facts = sample(examiner, template.name, key, products=products)
        yield facts
        yield replace(facts, first_name=None, second_subject=True)
    if needs(template).feeds:
        yield sample(examiner, template.name, key, has_feeds=False)


def _season(key: str) -> str:
    return key.rpartition(".")[0]


def _faults_of_flows(email: LiveEmail, template: StoredTemplate, settings: Settings) -> list[str]:
    """Find what the flows that send it want of it: a second subject, no promotion in order mail."""
    sources = {
        key: read_source(text, name=template.name, locale=key)
        for key, text in template.sources.items()
    }
    offers = {name: timedelta(days=offer.days) for name, offer in settings.shop.offers.items()}
    locales = settings.shop.locales
    faults = []
    for flow in email.flows:
        names = frozenset(
            flow.flow.template_of(step)
            for step in flow.graph.steps.values()
            if isinstance(step, Send)
        )
        others = names - {template.name}
        known = Known(
            events=KNOWN_EVENTS,
            templates={locale: others | _in(template, locale) for locale in locales},
            offers=offers,
            locales=locales,
            second_subjects={
                locale: others
                | (_in(template, locale) if _second(sources, locale) else frozenset())
                for locale in locales
            },
            webhooks=frozenset(settings.webhooks),
            suppressions=frozenset(SuppressionReason),
            promotions={template.name: promotions(template)},
        )
        steps = {step.id for sending, step in email.sends() if sending is flow}
        faults += [
            f"{fault.problem}. {fault.remedy}"
            for fault in validate(flow.flow, known)
            if fault.step in steps
        ]
    return faults


def _in(template: StoredTemplate, locale: str) -> frozenset[str]:
    return frozenset({template.name} if locale in plain_locales(template) else ())


def _second(sources: dict[str, Source], locale: str) -> bool:
    return locale in sources and sources[locale].has_second_subject
