"""What a page of one e-mail is asked for: which text of which e-mail, as whom, in which light."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.edits.drafting import unpublished, with_text
from sekvens.edits.examining import Examiner
from sekvens.edits.live import LiveEmail, NotLive, live_email
from sekvens.edits.previewing import Kind, Looker, as_sample
from sekvens.messages.compose import Composed
from sekvens.messages.templates import StoredTemplate, plain_locales
from sekvens.web.dashboard.asked import Asked, House

SCREENS: Final = ("desktop", "phone")
LIGHTS: Final = ("light", "dark", "text")


@dataclass(frozen=True, kw_only=True)
class EmailAsked:
    """One e-mail, as somebody wants to look at it."""

    email: LiveEmail
    key: str  #: the locale, or `<season>.<locale>`
    whom: str  #: a kind of made-up contact, or a contact's id
    screen: str
    light: str
    is_edit: bool  #: with the unpublished texts in place of the live ones
    template: StoredTemplate  #: the one that is looked at

    @property
    def path(self) -> str:
        """The address of its page."""
        return f"/staff/emails/{self.email.name}"

    @property
    def kind(self) -> Kind | None:
        """The kind of made-up contact; None: it is a real one."""
        return Kind(self.whom) if self.whom in list(Kind) else None

    @property
    def looks(self) -> dict[str, str]:
        """What says in an address how it is looked at."""
        return {
            "key": self.key,
            "as": self.whom,
            "screen": self.screen,
            "light": self.light,
            "text": "edit" if self.is_edit else "live",
        }

    def made(self, house: House, session: Session, asked: Asked) -> Composed:
        """Make it.

        Raises:
            TemplateError: it cannot be made.
        """
        examiner = Examiner(settings=house.settings, now=asked.now)
        if self.kind is not None:
            return as_sample(examiner, self.template, self.key, self.kind)
        looker = Looker(examiner=examiner, shop_time=house.shop_time)
        return looker.as_contact(session, self.email, self.template, self.key, self.whom)


def email_asked(
    session: Session, asked: Asked, *, name: str | None = None, is_edit: bool | None = None
) -> EmailAsked | None:
    """Read what is asked for; None: there is no such e-mail, text or contact."""
    name = name or f"{asked.path['flow']}/{asked.path['step']}"
    try:
        email = live_email(session, name)
    except NotLive:
        return None
    query = asked.query
    key, whom = query.get("key") or first_key(email, asked), query.get("as") or Kind.NAMED
    if key not in email.template.sources or not _is_somebody(session, whom):
        return None
    edits = query.get("text") == "edit" if is_edit is None else is_edit
    return EmailAsked(
        email=email,
        key=key,
        whom=whom,
        screen=_one_of(SCREENS, query.get("screen")),
        light=_one_of(LIGHTS, query.get("light")),
        is_edit=edits,
        template=edited(session, email) if edits else email.template,
    )


def edited(session: Session, email: LiveEmail) -> StoredTemplate:
    """Put the unpublished texts of an e-mail, if there are any, in place of the live ones."""
    template = email.template
    for key in email.template.sources:
        edit = unpublished(session, email.name, key)
        if edit is not None:
            template = with_text(template, key, edit.text)
    return template


def first_key(email: LiveEmail, asked: Asked) -> str:
    """Choose the text to begin with: in the language of whoever looks, if there is one."""
    locales = plain_locales(email.template)
    return next((each for each in locales if each.startswith(asked.language)), locales[0])


def keys(email: LiveEmail) -> list[str]:
    """List the texts of an e-mail: locales first, then their seasons."""
    return sorted(email.template.sources, key=lambda key: ("." in key, key))


def _is_somebody(session: Session, whom: str) -> bool:
    if whom in list(Kind):
        return True
    contact = session.get(Contact, whom)
    return contact is not None and contact.erased_at is None


def _one_of(choice: tuple[str, ...], given: str | None) -> str:
    return given if given in choice else choice[0]
