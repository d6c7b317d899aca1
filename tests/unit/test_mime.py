"""What `sekvens.ses.mime` promises, read back by the standard library's own parser."""

import email
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekvens.errors import TemplateError
from sekvens.ses.mime import _BOUNDARY, Mail, assemble

UNSUBSCRIBE = {
    "List-Unsubscribe": "<https://shop.example/u/" + "x" * 60 + ">, <mailto:u@shop.example>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
#: A busy machine is no finding.
UNHURRIED = settings()
HEADERS = [
    "From", "To", "Reply-To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post",
    "X-Sekvens-Message", "MIME-Version", "Content-Type",
]  # fmt: skip
#: Anything at all, now and then with what an attacker would put there.
WILD = st.lists(
    st.text(max_size=20)
    | st.sampled_from(["\r\nBcc: spion@elak.example", "\n\n<b>", "--=_sekvens--"])
    | st.sampled_from(["\ud800", "=?utf-8?b?DQpCY2M6IGE=?=", '" <a@b.example>, "']),
    max_size=5,
).map("".join)  # fmt: skip
#: Texts with what a mail server or a parser might trip over.
TEXT = st.lists(
    st.text(max_size=90)
    | st.sampled_from(["\r", "\n", "\r\n", " \n", "\t\r\n", "\n.\n", "\nFrom ", "=", "x" * 80])
    | st.sampled_from([f"\r\n--{_BOUNDARY}\r\n", f"\n--{_BOUNDARY}--\n"]),
    max_size=8,
).map("".join)
TAME = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), exclude_characters="\x85"),
    max_size=200,
)


def mail(**changes: object) -> Mail:
    facts: dict[str, object] = {
        "sender_name": "Maja på Hallgrens Ylle",
        "sender_address": "maja@hallgrensylle.example",
        "recipient": "kund@shop.example",
        "reply_to": "hej@hallgrensylle.example",
        "subject": "Dina strumpor saknar dig",
        "text": "Hej!",
        "html": "<p>Hej!</p>",
        "headers": UNSUBSCRIBE,
        "message_id": "0a1b2c",
    }
    return Mail(**(facts | changes))  # type: ignore[arg-type]


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def display_name(message: EmailMessage) -> str:
    # Not by `.addresses`: in a name it keeps the space between two encoded words, against RFC 2047
    # (https://github.com/python/cpython/issues/128110).
    written = next(value for name, value in message.raw_items() if name == "From")
    return str(make_header(decode_header(parseaddr(written.replace("\r\n", ""))[0])))


def body(raw: bytes, subtype: str) -> str:
    part = read(raw).get_body((subtype,))
    assert part is not None
    return str(part.get_content())


def normal(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@UNHURRIED
@given(subject=WILD, name=WILD, text=WILD, html=WILD)
def test_no_text_ever_becomes_a_header(subject: str, name: str, text: str, html: str) -> None:
    try:
        raw = assemble(mail(subject=subject, sender_name=name, text=text, html=html))
    except TemplateError:
        return

    message = read(raw)

    assert message.keys() == HEADERS
    assert message["from"].addresses[0].addr_spec == "maja@hallgrensylle.example"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]


@UNHURRIED
@given(text=TEXT, html=TEXT)
def test_both_parts_come_back_as_they_were_with_one_kind_of_line_end(text: str, html: str) -> None:
    raw = assemble(mail(text=text, html=html))

    message = read(raw)
    parts = [part.get_payload(decode=True) for part in message.iter_parts()]

    assert parts == [normal(each).replace("\n", "\r\n").encode() for each in (text, html)]


@UNHURRIED
@given(subject=TAME, name=TAME)
def test_a_subject_and_a_name_come_back_as_they_were(subject: str, name: str) -> None:
    message = read(assemble(mail(subject=subject, sender_name=name)))

    assert message["subject"] == subject
    assert display_name(message).split() == name.split()


@UNHURRIED
@given(subject=TAME, name=TAME, text=TEXT, html=TEXT)
def test_every_line_is_short_and_seven_bits_clean(
    subject: str, name: str, text: str, html: str
) -> None:
    short = {"List-Unsubscribe": "<https://shop.example/u/1>, <mailto:u@shop.example>"}

    raw = assemble(mail(subject=subject, sender_name=name, text=text, html=html, headers=short))

    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 76
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("bad", ["\r\n", "\n", "\r", "\0", "\x85", "\u2028", "\u202e", "\u2066"])
@pytest.mark.parametrize("field", ["subject", "sender_name", "message_id"])
def test_a_header_with_a_line_break_or_a_direction_mark_is_refused(bad: str, field: str) -> None:
    with pytest.raises(TemplateError) as error:
        assemble(mail(**{field: f"Hej{bad}Bcc: spion@elak.example"}))

    assert "spion" not in str(error.value)


@pytest.mark.parametrize("bad", ["Hej\r\nBcc: a@b.example", "räksmörgås", "x\u202ey", "y" * 999])
def test_a_given_header_is_refused_unless_it_is_plain_and_short(bad: str) -> None:
    with pytest.raises(TemplateError):
        assemble(mail(headers={"X-Note": bad}))


@pytest.mark.parametrize("name", ["Bcc", "to", "Content-Type", "Message-ID", "X Y", "X:Y", "", "Ö"])
def test_a_header_that_is_not_the_callers_to_set_is_refused(name: str) -> None:
    with pytest.raises(TemplateError):
        assemble(mail(headers={name: "a@b.example"}))


@pytest.mark.parametrize(
    "address",
    ["a@b.se, c@d.se", "a@b.se\r\nBcc: c@d.se", "åsa@b.se", "a b@c.se", "a@", "@b.se", "kund",
     "a@-b.se", "<a@b.se>", "a..b@c.se", "a@b..se", "a@[127.0.0.1]", "a\0@b.se", "a@b_c.se", ""],
)  # fmt: skip
def test_only_one_plain_address_is_taken(address: str) -> None:
    with pytest.raises(TemplateError) as error:
        assemble(mail(recipient=address))

    assert not address or address not in str(error.value)


def test_only_the_host_of_an_address_becomes_punycode() -> None:
    message = read(assemble(mail(recipient="Xn.Kund+ylle@räksmörgås.example")))

    assert message["to"] == "Xn.Kund+ylle@xn--rksmrgs-5wao1o.example"


def test_one_click_unsubscribe_comes_out_word_for_word() -> None:
    message = read(assemble(mail()))

    assert {name: message[name] for name in UNSUBSCRIBE} == UNSUBSCRIBE


def test_the_same_mail_gives_the_same_bytes_and_leaves_ids_and_dates_to_ses() -> None:
    raw = assemble(mail())

    assert raw == assemble(mail())
    assert "Message-ID" not in read(raw)
    assert "Date" not in read(raw)


def test_a_lone_dot_and_a_from_line_survive_every_mail_server() -> None:
    raw = assemble(mail(text=".\nFrom Delsbo\n.."))

    assert b"\r\n.\r\n" not in raw
    assert body(raw, "plain") == ".\r\nFrom Delsbo\r\n.."
