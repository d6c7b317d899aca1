"""Whatever comes in, a parser reads it or refuses it in our words; none raises anything else."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sekvens.contacts.traits import normal_locale
from sekvens.db.session import Database
from sekvens.errors import SettingsError, TemplateError
from sekvens.events.spelling import canonical
from sekvens.feedback.reading import UNREADABLE, read_report
from sekvens.imports.values import amount_of, instant_of, is_web_address
from sekvens.messages.addresses import usable
from sekvens.messages.formats import choose_locale, currency_code
from sekvens.messages.links import (
    AnswerLink,
    UnsubscribeLink,
    read_answer_link,
    read_unsubscribe_link,
    sign,
)
from sekvens.messages.markdown import fill_html, fill_text, parse
from sekvens.messages.source import Source
from sekvens.ses.mime import ascii_address
from sekvens.settings import Settings, load_settings
from sekvens.webhooks.signature import key_of_secret
from tests.unit.serving import served
from tests.unit.serving import settings as settings_of

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
API = settings_of().api
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
quickly = settings(max_examples=50)

SES_RECORD = st.fixed_dictionaries(
    {},
    optional={
        "eventType": st.sampled_from(["Send", "Bounce", "Open", "Complaint"]) | JSON,
        "notificationType": JSON,
        "mail": st.fixed_dictionaries(
            {},
            optional={
                "messageId": JSON,
                "timestamp": st.text() | st.datetimes().map(str),
                "tags": st.dictionaries(st.sampled_from(["message_id", "x"]), JSON),
                "destination": st.just(["hilda@example.com"]),
            },
        )
        | JSON,
        "bounce": st.fixed_dictionaries({"timestamp": st.text() | st.datetimes().map(str)}),
        "delivery": JSON,
    },
)


@quickly
@given(st.text() | SES_RECORD.map(json.dumps) | JSON.map(json.dumps))
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example('"\\ud800"')
def test_any_message_of_a_queue_is_a_report(body: str):
    report = read_report(body, now=NOW)

    assert report.at <= NOW
    assert report.type
    assert "hilda" not in json.dumps(report.raw)
    assert report == read_report(body, now=NOW)


@quickly
@given(SES_RECORD)
def test_a_wrapped_message_says_what_the_bare_one_says(record: dict[str, Any]):
    bare = read_report(json.dumps(record), now=NOW)
    envelope = {"Type": "Notification", "MessageId": "m-1", "Message": json.dumps(record)}
    wrapped = read_report(json.dumps(envelope), now=NOW)

    assert (wrapped.type, wrapped.message_id, wrapped.at) == (bare.type, bare.message_id, bare.at)
    assert wrapped.id == "m-1" or bare.type == UNREADABLE


@quickly
@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}", fullmatch=True))
@example("." * 600)
@example("a.b.c")
@example("\ud800.x")
def test_no_text_that_we_did_not_sign_is_a_link(token: str):
    assert read_unsubscribe_link(API, token) is None
    assert read_answer_link(API, token) is None


IDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


@quickly
@given(IDS, IDS)
def test_what_we_signed_comes_back_and_only_for_what_it_was_signed(
    contact_id: str, message_id: str
):
    token = sign(API, purpose="unsubscribe/1", ids=(contact_id, message_id))

    link = UnsubscribeLink(contact_id=contact_id, message_id=message_id)
    assert read_unsubscribe_link(API, token) == link
    assert read_answer_link(API, token) is None


@quickly
@given(st.lists(IDS, max_size=6), st.sampled_from(["unsubscribe/1", "answer/1", "click/1"]))
def test_a_signed_token_of_another_shape_is_no_link(ids: list[str], purpose: str):
    token = sign(API, purpose=purpose, ids=tuple(ids))

    assert isinstance(read_answer_link(API, token), AnswerLink) == (
        purpose == "answer/1" and len(ids) in (4, 5)
    )


KEYS = st.sampled_from([
    "SEKVENS_API__PORT", "SEKVENS_API__WRITE_KEYS", "SEKVENS_DATABASE__URL", "SEKVENS_SES__REGION",
    "SEKVENS_SENDING__WARM_UP", "SEKVENS_SENDING__QUIET_FROM", "SEKVENS_SENDING__PRODUCTION",
    "SEKVENS_CLOCK__DAY_SECONDS", "SEKVENS_CLOCK__ORIGIN", "SEKVENS_SHOP__TIMEZONE",
    "SEKVENS_FEEDBACK__QUEUE_URL", "SEKVENS_X__Y", "SEKVENS_API__", "SEKVENS___FILE",
    "SEKVENS_API__LINK_SECRET_FILE", "SEKVENS_WEBHOOKS__ERP", "SEKVENS_SHOP__OFFERS",
])  # fmt: skip


@quickly
@given(st.dictionaries(KEYS, st.text(max_size=40), max_size=4))
@example({"SEKVENS_API__LINK_SECRET_FILE": "\0"})
@example({"SEKVENS_CLOCK__ORIGIN": "9999-12-31T23:59:59-23:59"})
@example({"SEKVENS_SES__ENDPOINT_URL": "http://[::1"})
@example({"SEKVENS_FEEDBACK__QUEUE_URL": "http://[x"})
def test_any_environment_is_settings_or_a_sentence(environ: dict[str, str]):
    try:
        read: Settings | str = load_settings(environ)
    except SettingsError as error:
        read = str(error)

    assert read


TOML = st.lists(
    st.sampled_from([
        "[api]\n",
        "[shop]\n",
        "[[shop]]\n",
        "port = 1\n",
        'url = "x"\n',
        "api = 1\n",
        "x_file = 1\n",
        'write_keys_file = "/nothing"\n',
        "[webhooks.a]\n",
        "[shop.offers]\n",
        "secret = []\n",
        "name = {}\n",
        "\ufeff",
        "[database]\n",
        "'''",
        "_file = 'x'\n",
    ]),
    max_size=8,
)  # fmt: skip


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TOML.map("".join) | st.text())
def test_any_settings_file_is_settings_or_a_sentence(tmp_path, text: str):
    file = tmp_path / "sekvens.toml"
    file.write_text(text, encoding="utf-8", errors="replace")

    with pytest.raises(SettingsError, match=r"."):  # none of these names a whole shop
        load_settings({"SEKVENS_SETTINGS": str(file)})


@quickly
@given(st.text(max_size=200))
@example("---\nsubject: x\npreheader: y\n---\n\x00")
@example("---\r\nsubject: x\r\npreheader: {{ x\r\n---\r\n")
def test_any_file_is_an_e_mails_source_or_an_error_that_names_it(text: str):
    try:
        said = Source(text, name="welcome/hello", locale="sv")._file
    except TemplateError as error:
        said = str(error)

    assert said.startswith("welcome/hello.sv.md")


@quickly
@given(st.text(st.sampled_from("*_`[]()<>!#-+> \n\t1.&;\\|~\"'ax:/@\0"), max_size=120))
def test_any_markdown_is_html_without_a_script_and_text(source: str):
    try:
        parsed = parse(source)
        html = fill_html(parsed, values=[], blocks=[])
        fill_text(parsed, values=[], blocks=[])
    except TemplateError:
        return

    assert "<script" not in html.lower()
    assert "<img" not in html.lower()


ANY = st.text() | st.sampled_from(["sv-SE", "EN_us", "-", "_", "sv-", "١٢", "1e999", "NaN", "é@é"])


@quickly
@given(ANY)
@example("http://[")
@example("1" * 5_000)
@example("-" * 5_000)
def test_small_parsers_read_or_say_none(text: str):
    assert choose_locale(text, ["sv", "en"], default="sv") in {"sv", "en"}
    assert isinstance(normal_locale(text), str | None)
    assert isinstance(currency_code(text), str | None)
    assert isinstance(usable(text), str | None)
    assert isinstance(amount_of(text), tuple | None)
    assert isinstance(instant_of(text), datetime | None)
    assert isinstance(is_web_address(text), bool)
    assert isinstance(canonical(text), str)


@quickly
@given(ANY)
@example("\ud800@example.com")
@example("a@" + "é" * 300)
def test_an_address_is_ascii_or_refused_without_being_quoted(text: str):
    try:
        made = ascii_address("To", text)
    except TemplateError as error:
        made = "" if len(text) < 8 else str(error).replace(text, "é")

    assert made.isascii()


@quickly
@given(ANY)
@example("whsec_é")
def test_a_webhooks_secret_is_a_key_or_refused_without_being_quoted(text: str):
    try:
        key_of_secret(text)
    except ValueError as error:
        said = str(error)
    else:
        said = ""

    assert len(text) < 8 or text not in said


async def operations(client: httpx.AsyncClient) -> list[tuple[str, str, set[int]]]:
    paths = (await client.get("/openapi.json")).json()["paths"]
    return [
        (method.upper(), path, set(map(int, operation["responses"])))
        for path, described in paths.items()
        for method, operation in described.items()
    ]


BODIES = [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"batch": 1}', b'{"batch": [[]]}', b'{"a":' * 9_000,
    b"[" * 90_000, b'{"userId": "\\ud800", "event": "x"}', b'{"userId": 1e999, "event": "x"}',
    b'{"userId": "a\\u0000", "event": "x"}', b'{"userId": NaN}', b"answer=" + b"%00" * 90,
    b'{"userId":"a","event":"Order Completed","properties":{"total":"' + b"9" * 9_000 + b'"}}',
    b'{"batch":[{"type":"track","userId":["a"],"event":{},"properties":[]}], "sentAt": 7}',
    b"a=" * 4_000, b'{"type":"identify","userId":"a","traits":{"email":["x"],"locale":{}}}',
]  # fmt: skip
HEADERS = [
    {}, {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Encoding": "gzip"},
    {"Content-Encoding": "br"}, {"Content-Length": "99999999999"}, {"Accept-Language": "\x7f;;,"},
    {"Authorization": "Basic !"}, {"Authorization": "Bearer x"}, {"Cookie": "sekvens-staff=\x7f;="},
    {"Content-Type": "text/plain; charset=utf-99"}, {"Origin": "null"}, {"Transfer-Encoding": "x"},
]  # fmt: skip


async def test_every_operation_answers_everything_as_it_is_described_and_never_with_a_fault(
    sqlite_database: Database,
):
    async with served(sqlite_database) as client:
        described = [one for one in await operations(client) if "{name}" not in one[1]]
        faults = []
        for method, path, documented in described:
            for number, body in enumerate(BODIES):
                url = path.replace("{token}", f"{number}.%00%ff")
                headers = HEADERS[number % len(HEADERS)]
                reply = await client.request(method, url, content=body, headers=headers)
                too_large = {413} if "Content-Length" in headers else set()
                if reply.status_code not in documented | too_large:
                    faults.append((method, path, number, reply.status_code))

    assert len(described) >= 13
    assert faults == []


def test_a_skewed_clock_is_no_reason_to_refuse_a_report():
    later = json.dumps({"eventType": "Send", "mail": {"timestamp": "9999-12-31T23:59:59Z"}})

    assert read_report(later, now=NOW).at == NOW
    assert read_report(later, now=NOW + timedelta(days=1)).at == NOW + timedelta(days=1)
