"""How the sign-up routes are described, and what is said to a script whose sign-up is not taken."""

from typing import Any, Final

from sekvens.web.openapi import failure_response, page_response

PROBLEMS: Final = {
    "email": "email is missing, or no mail server would take it",
    "consent": "consent must be true: without a tick there is no consent to keep",
    "wording_version": "there is no such wording_version; GET /subscribe.json tells the one in use",
    "too_many": "too many sign-ups came from this address; try again later",
}

_TOO_LARGE: Final = failure_response("More was posted than a form of ours holds")
_TAKEN: Final = {
    "type": "object",
    "properties": {
        "success": {"const": True},
        "next": {"enum": ["confirm", "done"]},
    },
    "required": ["success", "next"],
}
_WORDING: Final = {
    "type": "object",
    "properties": {"wording": {"type": "string"}, "wording_version": {"type": "string"}},
    "required": ["wording", "wording_version"],
}
_FIELDS: Final[dict[str, Any]] = {
    "email": {"type": "string"},
    "first_name": {"type": "string"},
    "locale": {"type": "string", "description": "BCP 47, `sv`"},
    "form": {"type": "string", "description": "Which form it was, `footer`: kept as evidence"},
    "page_url": {"type": "string", "description": "The page it stood on: kept as evidence"},
    "wording_version": {"type": "string", "description": "Of the sentence that was shown"},
    "anonymous_id": {"type": "string", "description": "The visitor, as the shop's events name it"},
    "website": {"type": "string", "description": "Hidden from people: leave it empty"},
}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _body(kind: str, consent: dict[str, Any]) -> dict[str, Any]:
    fields = _FIELDS | {"consent": consent}
    schema = {"type": "object", "properties": fields, "required": ["email", "consent"]}
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}}


PAGE: Final[dict[str, Any]] = {
    "summary": "The sign-up form, as a page of ours",
    "operation_id": "ask_sign_up",
    "responses": {200: page_response("The form"), 413: _TOO_LARGE},
    "response_model": None,
}
FORM: Final[dict[str, Any]] = {
    "summary": "Sign up, by a form",
    "description": "Ours, or one on the shop's own pages. Answered the same whoever has the "
    "address.",
    "operation_id": "sign_up",
    "responses": {
        200: page_response("Taken"),
        303: {"description": "Taken: to `consent.thanks_url`"},
        400: page_response("The form again, with what is missing"),
        413: _TOO_LARGE,
        429: page_response("Too many from one IP address"),
        503: failure_response("The database does not answer"),
    },
    "openapi_extra": _body("application/x-www-form-urlencoded", {"type": "string"}),
    "response_model": None,
}
WORDING: Final[dict[str, Any]] = {
    "summary": "The sentence that a contact agrees to",
    "description": "By `locale`, in the version that is in use.",
    "operation_id": "sign_up_wording",
    "responses": {200: _json("The wording", _WORDING), 413: _TOO_LARGE},
    "response_model": None,
}
API: Final[dict[str, Any]] = {
    "summary": "Sign up, by a script",
    "description": "From the pages of `consent.origins`. Answered the same whoever has the "
    "address.",
    "operation_id": "sign_up_by_script",
    "responses": {
        200: _json("Taken", _TAKEN),
        400: failure_response("Something is missing: the code names it"),
        413: _TOO_LARGE,
        429: failure_response("Too many from one IP address"),
        503: failure_response("The database does not answer"),
    },
    "openapi_extra": _body("application/json", {"type": "boolean"}),
    "response_model": None,
}
