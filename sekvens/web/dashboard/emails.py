"""The e-mails: all of a flow side by side, each by itself, and the e-mail as its own document.

An e-mail is shown in a frame, by a policy of its own: no script, no form, no link that leads
anywhere, pictures from the shop alone. Of a real contact, only ids stand in addresses.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse, RedirectResponse

from sekvens.contacts.person import people_called
from sekvens.edits.drafting import all_unpublished
from sekvens.edits.examining import Examiner
from sekvens.edits.live import LiveEmail, email_of
from sekvens.edits.previewing import Kind, as_sample, contacts_in
from sekvens.enrollments.publish import live_flows
from sekvens.errors import TemplateError
from sekvens.messages.gallery import OF_NO_DAY, whens
from sekvens.messages.whole_page import in_scheme
from sekvens.products.tables import Product
from sekvens.shop import Shop
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.contacts import masked
from sekvens.web.dashboard.email_asked import (
    LIGHTS,
    SCREENS,
    EmailAsked,
    email_asked,
    first_key,
    keys,
)
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.rendering import HEADERS
from sekvens.web.dashboard.words import Words

#: All flows at once.
EVERY: Final = "all"
_PICTURE: Final = re.compile(r"<img[^>]*\bsrc=\"(https?://[^\"]+)\"")
#: The words that `sekvens.flows.durations` writes.
_WHEN: Final = re.compile(r"\b(?:at once|never|days?|hours?|minutes?|to)\b")
_ADDRESS: Final = re.compile(r"https?://[^/\"\\\s?#]+")


def show_all(house: House, session: Session, asked: Asked) -> Mapping[str, object]:
    """Find the e-mails of one flow, or of all, in the order in which they may come."""
    live = live_flows(session)
    flows = {flow.flow.name: flow.flow for flow in live}
    first = next(iter(flows), "")
    chosen = asked.query.get("flow", first)
    locales = house.settings.shop.locales
    locale = asked.query.get("locale", asked.language if asked.language in locales else locales[0])
    unpublished = {edit.template for edit in all_unpublished(session)}
    shown = [flow for name, flow in flows.items() if chosen in (name, EVERY)]
    return {
        "flows": [*flows, EVERY] if flows else [],
        "chosen": chosen,
        "locales": locales,
        "locale": locale,
        "chapters": [
            {
                "flow": flow.name,
                "emails": [
                    _card(house, asked, email_of(session, name, live), when, locale)
                    for name, when in whens(flow).items()
                ],
            }
            for flow in shown
        ],
        "unpublished": unpublished,
    }


def _card(
    house: House, asked: Asked, email: LiveEmail, when: str, locale: str
) -> Mapping[str, object]:
    examiner = Examiner(settings=house.settings, now=asked.now)
    key = locale if locale in email.template.sources else first_key(email, asked)
    return {
        "name": email.name,
        "when": when_said(asked, when),
        "key": key,
        **_inbox(examiner, email, key),
    }


def _inbox(examiner: Examiner, email: LiveEmail, key: str) -> Mapping[str, object]:
    try:
        made = as_sample(examiner, email.template, key)
    except TemplateError as error:
        return {"subject": "", "preheader": "", "fault": str(error)}
    return {"subject": made.subject, "preheader": made.preheader, "fault": ""}


def show(
    house: House, session: Session, asked: Asked
) -> Mapping[str, object] | RedirectResponse | None:
    """Find one e-mail as it is asked for; somebody who is looked for is led to by their id."""
    found = email_asked(session, asked)
    if found is None:
        return None
    if asked.query.get("whom") and asked.is_posted:
        return _to_whom(session, asked, found)
    when = whens(found.email.flows[0].flow).get(found.email.name, "")
    return {
        **of(house, session, asked, found),
        "when": when_said(asked, when),
        "nobody": asked.query.get("nobody"),
    }


def of(house: House, session: Session, asked: Asked, found: EmailAsked) -> dict[str, object]:
    """Tell what pages of one e-mail show of it."""
    fault, made = "", None
    try:
        made = found.made(house, session, asked)
    except TemplateError as error:
        fault = str(error)
    flow, _ = found.email.sends()[0]
    return {
        "email": found,
        "shared": Words(EMAIL.name, asked.language),
        "made": made,
        "fault": fault,
        "sender": house.settings.shop.sender,
        "keys": keys(found.email),
        "kinds": list(Kind),
        "screens": SCREENS,
        "lights": LIGHTS,
        "contacts": [
            (contact.id, contact.first_name or "", masked(contact.email, asked.who.role))
            for contact in contacts_in(session, flow.flow.name)
        ],
        "src": src(found),
        "link": lambda **changes: f"{found.path}?{urlencode({**found.looks, **changes})}",
        "has_edits": found.email.name in {edit.template for edit in all_unpublished(session)},
        "versions": [f"{each.flow.name} v{each.flow.version}" for each in found.email.flows],
    }


def src(found: EmailAsked) -> str:
    """Tell the address of the e-mail as its own document; another text has another one."""
    looks = {**found.looks, "of": found.template.digest[:12]}
    return f"{found.path}/html?{urlencode(looks)}"


def when_said(asked: Asked, when: str) -> str:
    """Say in the language of whoever asks when an e-mail may come: `day 3`, `at once`."""
    if when == OF_NO_DAY:
        return asked.t.on_its_day
    return _WHEN.sub(lambda found: asked.t.of("when", found[0].replace(" ", "_")), when)


def _to_whom(session: Session, asked: Asked, found: EmailAsked) -> RedirectResponse:
    people = people_called(session, asked.query["whom"])
    whom = {"as": people[0]} if len(people) == 1 else {"nobody": str(len(people))}
    where = f"{found.path}?{urlencode({**found.looks, **whom})}"
    return RedirectResponse(where, 303, headers=HEADERS)


def show_html(house: House, session: Session, asked: Asked) -> HTMLResponse | None:
    """Make the e-mail as its own document, or say in its place why it cannot be made."""
    found = email_asked(session, asked)
    if found is None:
        return None
    try:
        made = found.made(house, session, asked)
    except TemplateError as error:
        return _document(_FAULT.format(html.escape(str(error))), ())
    text = in_scheme(made.html, is_dark=found.light == "dark")
    return _document(text, picture_hosts(session, text, house))


def _document(text: str, hosts: Sequence[str]) -> HTMLResponse:
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; "
        f"img-src data: {' '.join(hosts)}; form-action 'none'; frame-ancestors 'self'; "
        "base-uri 'none'; sandbox"
    )
    return HTMLResponse(text, headers={**HEADERS, "content-security-policy": policy})


_FAULT: Final = (
    '<!doctype html><html lang="en"><meta name="color-scheme" content="light dark">'
    '<title>-</title><body style="font: 16px/1.5 system-ui, sans-serif; margin: 1.5rem"><p>{}</p>'
)


def picture_hosts(session: Session, text: str, house: House) -> list[str]:
    """List the hosts whose pictures an e-mail may show: ours, those of the settings, products'."""
    settings = house.settings
    known = _hosts_of(settings.shop) | {_origin(settings.api.public_url)}
    asked = {_origin(url) for url in _PICTURE.findall(text)}
    return sorted(origin for origin in asked if origin in known or _has_products(session, origin))


def _has_products(session: Session, origin: str) -> bool:
    begins = Product.image_url.startswith(f"{origin}/", autoescape=True)
    return session.scalar(select(Product.id).where(begins).limit(1)) is not None


def _hosts_of(shop: Shop) -> set[str]:
    return {_origin(url) for url in _ADDRESS.findall(json.dumps(msgspec.to_builtins(shop)))}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


EMAILS = Page(path="/staff/emails", name="emails", section="emails", show=show_all)
EMAIL = Page(
    path="/staff/emails/{flow}/{step}", name="email", section="emails", show=show, posted=True
)
EMAIL_HTML = Page(
    path="/staff/emails/{flow}/{step}/html", name="email", section="emails", show=show_html
)
