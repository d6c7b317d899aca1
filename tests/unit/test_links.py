import base64

import pytest

from sekvens.errors import SettingsError
from sekvens.messages.links import (
    read_unsubscribe,
    read_unsubscribe_link,
    sign,
    unsubscribe_url,
)
from sekvens.sections import ApiSettings

OLD, NEW = "o" * 32, "n" * 40


def api(*keys: str) -> ApiSettings:
    return ApiSettings(public_url="https://post.shop.example/", link_secret=",".join(keys))


def token_of(settings: ApiSettings, contact_id: str = "c-one") -> str:
    url = unsubscribe_url(settings, contact_id=contact_id, message_id="m-one")
    return url.removeprefix("https://post.shop.example/u/")


def test_a_link_names_the_contact_and_the_message_it_was_clicked_in():
    link = read_unsubscribe_link(api(NEW), token_of(api(NEW)))

    assert link is not None
    assert (link.contact_id, link.message_id) == ("c-one", "m-one")


def test_a_link_is_short_and_needs_no_escaping():
    url = unsubscribe_url(api(NEW), contact_id="c-" + "a" * 16, message_id="m-" + "b" * 16)

    path = url.removeprefix("https://post.shop.example/u/")
    assert len(path) < 90
    assert path.replace(".", "").replace("-", "").replace("_", "").isalnum()


def test_a_link_made_with_an_old_key_still_works_after_the_key_was_changed():
    token = token_of(api(OLD))

    assert read_unsubscribe(api(OLD, NEW), token) == "c-one"
    assert read_unsubscribe(api(NEW), token) is None


def test_the_last_key_signs():
    assert read_unsubscribe(api(NEW), token_of(api(OLD, NEW))) == "c-one"


@pytest.mark.parametrize("position", range(0, 36, 3))
def test_a_link_with_any_character_changed_is_worth_nothing(position):
    token = token_of(api(NEW))
    other = "A" if token[position] != "A" else "B"

    assert read_unsubscribe(api(NEW), token[:position] + other + token[position + 1 :]) is None


def test_another_spelling_of_the_same_bytes_is_not_our_link():
    token = token_of(api(NEW))
    payload, _, signature = token.partition(".")
    # 16 bytes leave 4 spare bits in the last character: 16 spellings, one of them ours.
    spare = signature[:-1] + chr(ord(signature[-1]) + 1)

    same = [base64.urlsafe_b64decode(text + "==") for text in (signature, spare)]
    assert same[0] == same[1]
    assert read_unsubscribe(api(NEW), f"{payload}.{spare}") is None
    assert read_unsubscribe(api(NEW), f"{payload}.{signature}==") is None


def test_a_token_signed_for_another_purpose_unsubscribes_nobody():
    token = sign(api(NEW), purpose="answer/1", ids=("c-one", "m-one"))

    assert read_unsubscribe(api(NEW), token) is None


@pytest.mark.parametrize("token", ["", ".", "a.b", "x" * 5000, "ö.ö", "c-one", "%00.%00", "a.b.c"])
def test_rubbish_is_no_link(token):
    assert read_unsubscribe(api(NEW), token) is None


def test_a_signed_token_with_other_ids_than_ours_is_no_unsubscribe_link():
    token = sign(api(NEW), purpose="unsubscribe/1", ids=("c-one",))

    assert read_unsubscribe(api(NEW), token) is None


@pytest.mark.parametrize("secret", ["", " , ", "short", f"{NEW},short"])
def test_a_secret_that_is_missing_or_short_is_refused_with_what_to_set(secret):
    settings = ApiSettings(link_secret=secret)

    with pytest.raises(SettingsError, match="SEKVENS_API__LINK_SECRET"):
        unsubscribe_url(settings, contact_id="c-one", message_id="m-one")
