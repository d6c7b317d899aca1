"""Signed links: what an inbox may ask of us without logging in.

A token carries ids only, never an address, and says in its signature what it is for: one made to
unsubscribe opens nothing else. It does not expire, because a right to leave does not.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from sekvens.errors import SettingsError
from sekvens.sections import ApiSettings

#: Signatures are cut to 128 bits: nobody guesses those, and the link stays short enough to print.
SIGNATURE_BYTES = 16
KEY_CHARACTERS_MIN = 32
#: Longer than any token of ours: nothing longer is worth decoding.
TOKEN_CHARACTERS_MAX = 512

_UNSUBSCRIBE = "unsubscribe/1"
_ANSWER = "answer/1"
_PREFERENCES = "preferences/1"
_VIEW = "view/1"
_CONFIRM = "confirm/1"


@dataclass(frozen=True, kw_only=True)
class UnsubscribeLink:
    """Who wants to leave, and the message that they clicked in."""

    contact_id: str
    message_id: str


@dataclass(frozen=True, kw_only=True)
class MessageLink:
    """Whose message a link stood in, and which one."""

    contact_id: str
    message_id: str


@dataclass(frozen=True, kw_only=True)
class ConfirmLink:
    """Who confirms that an address is theirs, and the mark of that address."""

    contact_id: str
    message_id: str
    address_mark: str


@dataclass(frozen=True, kw_only=True)
class AnswerLink:
    """Who was asked what in which message, and the answer that they clicked."""

    contact_id: str
    message_id: str
    question: str
    answer: str


def unsubscribe_url(api: ApiSettings, *, contact_id: str, message_id: str) -> str:
    """Make the link that ends a contact's marketing: `{public_url}/u/{token}`.

    Raises:
        SettingsError: there is no secret to sign with, or it is too short.
    """
    token = sign(api, purpose=_UNSUBSCRIBE, ids=(contact_id, message_id))
    return f"{api.public_url.rstrip('/')}/u/{token}"


def read_unsubscribe(api: ApiSettings, token: str) -> str | None:
    """Tell the contact id in an unsubscribe token; None if we did not sign it for that."""
    link = read_unsubscribe_link(api, token)
    return link.contact_id if link else None


def read_unsubscribe_link(api: ApiSettings, token: str) -> UnsubscribeLink | None:
    """Tell everything in an unsubscribe token; None if we did not sign it for that."""
    ids = verified(api, purpose=_UNSUBSCRIBE, token=token)
    if ids is None or len(ids) != 2:
        return None
    return UnsubscribeLink(contact_id=ids[0], message_id=ids[1])


def preferences_url(api: ApiSettings, *, contact_id: str, message_id: str) -> str:
    """Make the link to a contact's preferences: `{public_url}/p/{token}`.

    Raises:
        SettingsError: there is no secret to sign with, or it is too short.
    """
    token = sign(api, purpose=_PREFERENCES, ids=(contact_id, message_id))
    return f"{api.public_url.rstrip('/')}/p/{token}"


def read_preferences_link(api: ApiSettings, token: str) -> MessageLink | None:
    """Tell everything in a token of the preferences; None if we did not sign it for that."""
    return _message_link(verified(api, purpose=_PREFERENCES, token=token))


def view_url(api: ApiSettings, *, contact_id: str, message_id: str) -> str:
    """Make the link that shows a message in a browser: `{public_url}/v/{token}`.

    Raises:
        SettingsError: there is no secret to sign with, or it is too short.
    """
    token = sign(api, purpose=_VIEW, ids=(contact_id, message_id))
    return f"{api.public_url.rstrip('/')}/v/{token}"


def read_view_link(api: ApiSettings, token: str) -> MessageLink | None:
    """Tell everything in a token that shows a message; None if we did not sign it for that."""
    return _message_link(verified(api, purpose=_VIEW, token=token))


def confirm_url(api: ApiSettings, *, contact_id: str, message_id: str, address: str) -> str:
    """Make the link that confirms a sign-up for this address: `{public_url}/confirm/{token}`.

    Raises:
        SettingsError: there is no secret to sign with, or it is too short.
    """
    mark = mark_of(api, purpose=_CONFIRM, text=address)
    token = sign(api, purpose=_CONFIRM, ids=(contact_id, message_id, mark))
    return f"{api.public_url.rstrip('/')}/confirm/{token}"


def read_confirm_link(api: ApiSettings, token: str) -> ConfirmLink | None:
    """Tell everything in a token that confirms; None if we did not sign it for that."""
    ids = verified(api, purpose=_CONFIRM, token=token)
    if ids is None or len(ids) != 3:
        return None
    return ConfirmLink(contact_id=ids[0], message_id=ids[1], address_mark=ids[2])


def is_marked(api: ApiSettings, mark: str, *, address: str) -> bool:
    """Tell whether the mark in a link that confirms was made for this address."""
    marks = [_mark(key, _CONFIRM, address) for key in _keys(api)]
    fits = [hmac.compare_digest(each.encode(), mark.encode()) for each in marks]
    return any(fits)


def mark_of(api: ApiSettings, *, purpose: str, text: str) -> str:
    """Make a keyed hash of a text: equal texts are known again, and nobody finds out the text."""
    return _mark(_keys(api)[-1], purpose, text)


def answer_url(
    api: ApiSettings, *, contact_id: str, message_id: str, question: str, answer: str
) -> str:
    """Make the link behind one answer of a question: `{public_url}/a/{token}`.

    Question and answer are named as `sekvens.messages.questions` names them.

    Raises:
        SettingsError: there is no secret to sign with, or it is too short.
    """
    token = sign(api, purpose=_ANSWER, ids=(contact_id, message_id, question, answer))
    return f"{api.public_url.rstrip('/')}/a/{token}"


def read_answer_link(api: ApiSettings, token: str) -> AnswerLink | None:
    """Tell everything in the token of an answer; None if we did not sign it for that."""
    ids = verified(api, purpose=_ANSWER, token=token)
    if ids is None or len(ids) != 4:
        return None
    return AnswerLink(contact_id=ids[0], message_id=ids[1], question=ids[2], answer=ids[3])


def sign(api: ApiSettings, *, purpose: str, ids: tuple[str, ...]) -> str:
    """Sign ids for one purpose with the newest key."""
    payload = "\0".join(ids).encode()
    signature = _signature(_keys(api)[-1], purpose, payload)
    return f"{_encoded(payload)}.{_encoded(signature)}"


def verified(api: ApiSettings, *, purpose: str, token: str) -> tuple[str, ...] | None:
    """Tell the ids that one of our keys, old or new, signed for this purpose; else None."""
    keys = _keys(api)
    if len(token) > TOKEN_CHARACTERS_MAX:
        return None
    encoded_payload, _, encoded_signature = token.partition(".")
    payload, signature = _decoded(encoded_payload), _decoded(encoded_signature)
    if payload is None or signature is None:
        return None
    # Every key is tried, so that the time taken tells nothing about which of them fits.
    fits = [hmac.compare_digest(_signature(key, purpose, payload), signature) for key in keys]
    return tuple(payload.decode().split("\0")) if any(fits) else None


def check_secret(api: ApiSettings) -> None:
    """Refuse to start without a key: else the first e-mail would be the one to find out.

    Raises:
        SettingsError: there is no secret to sign with, or it is too short.
    """
    _keys(api)


def _message_link(ids: tuple[str, ...] | None) -> MessageLink | None:
    if ids is None or len(ids) != 2:
        return None
    return MessageLink(contact_id=ids[0], message_id=ids[1])


def _mark(key: bytes, purpose: str, text: str) -> str:
    return _signature(key, f"mark/{purpose}", text.strip().casefold().encode()).hex()


def _keys(api: ApiSettings) -> list[bytes]:
    keys = [key.strip() for key in api.link_secret.split(",") if key.strip()]
    if not keys:
        raise SettingsError(
            "api.link_secret is empty, so the unsubscribe links of e-mails cannot be signed: set "
            f"SEKVENS_API__LINK_SECRET to at least {KEY_CHARACTERS_MIN} random characters, such as "
            "the output of `openssl rand -hex 32`"
        )
    if any(len(key) < KEY_CHARACTERS_MIN for key in keys):
        raise SettingsError(
            f"a key in api.link_secret (SEKVENS_API__LINK_SECRET) is shorter than "
            f"{KEY_CHARACTERS_MIN} characters and could be guessed: make another with "
            "`openssl rand -hex 32`; several keys are separated by commas, the newest last"
        )
    return [key.encode() for key in keys]


def _signature(key: bytes, purpose: str, payload: bytes) -> bytes:
    # A key per purpose: a token signed for one thing is noise to every other.
    key_of_purpose = hmac.digest(key, f"sekvens/link/{purpose}".encode(), hashlib.sha256)
    return hmac.digest(key_of_purpose, payload, hashlib.sha256)[:SIGNATURE_BYTES]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes | None:
    """Decode only what we would have written: base64 has several spellings of the same bytes."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _encoded(raw) == text else None
