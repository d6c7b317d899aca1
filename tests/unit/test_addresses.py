import pytest

from sekvens.messages.addresses import usable


@pytest.mark.parametrize(
    ("given", "sent_to"),
    [
        ("anna@shop.se", "anna@shop.se"),
        ("  Anna.K+ull@Shop.SE ", "Anna.K+ull@shop.se"),
        ("anna@exämple.se", "anna@xn--exmple-cua.se"),
        ("success@simulator.amazonses.com", "success@simulator.amazonses.com"),
    ],
)
def test_an_address_is_sent_to_in_the_form_ses_takes(given, sent_to):
    assert usable(given) == sent_to


@pytest.mark.parametrize(
    "given",
    [
        "",
        "anna",
        "anna@shop",
        "anna@localhost",
        "anna@[127.0.0.1]",
        "Anna <anna@shop.se>",
        "anna@shop.se, olle@shop.se",
        "anna@shop.se\r\nBcc: olle@shop.se",
        "anna@sh op.se",
        "a" * 65 + "@shop.se",
    ],
)
def test_what_no_mail_server_would_take_is_no_address(given):
    assert usable(given) is None


def test_a_local_part_outside_ascii_is_refused_because_ses_does_not_speak_it():
    assert usable("åsa@shop.se") is None
