"""One source, two parts: what a marketer may write, and what becomes of it."""

import re
from dataclasses import replace

import msgspec
import pytest

from sekvens.errors import TemplateError
from sekvens.flows.steps import Purpose
from sekvens.messages.compose import _read, compose, headline
from tests.unit.composing import composed, facts, sample_shop, template


def paragraphs(html: str) -> str:
    """Tell the letter without tags and attributes, so that a test can speak of what is read."""
    letter = html.partition('role="main"')[2].partition(">")[2].partition("</div>")[0]
    return re.sub(r"<([a-z0-9]+)[^>]*>", r"<\1>", letter).strip()


def test_both_parts_say_what_the_source_says():
    email = composed("Hej {{ first_name }}!\n\nDet är *ditt*, **allt**.")

    assert paragraphs(email.html) == (
        "<p>Hej Astrid!</p>\n<p>Det är <em>ditt</em>, <strong>allt</strong>.</p>"
    )
    assert email.text.startswith("Hej Astrid!\n\nDet är ditt, allt.\n\n-- \n")


def test_a_link_can_be_followed_in_both_parts():
    email = composed("Läs [om returer]({{ shop.links.returns }}) först.")

    assert 'href="https://hallgrensylle.example/byten-och-returer"' in email.html
    assert "Läs om returer <https://hallgrensylle.example/byten-och-returer> först." in email.text


def test_a_url_is_never_broken_over_two_lines():
    url = "https://hallgrensylle.example/" + "a" * 120
    email = composed(f"Det här är en rad som är lång nog för att [brytas]({url}) någonstans här.")

    assert f"<{url}>" in email.text


def test_text_lines_are_at_most_78_characters():
    email = composed("Ull håller. " * 40 + "\n\n> " + "Ull håller. " * 40)

    assert max(len(line) for line in email.text.splitlines()) <= 78
    assert "\n> Ull håller." in email.text


def test_lists_stay_lists_in_the_text():
    email = composed("Det här:\n\n- ull\n- tålamod\n\n1. tvätta sällan\n2. torka plant")

    assert "Det här:\n\n- ull\n- tålamod\n\n1. tvätta sällan\n2. torka plant\n" in email.text


def test_headings_come_below_the_shops_name():
    email = composed("# Först\n\nText.")

    assert "<h2>Först</h2>" in paragraphs(email.html)
    assert "Först\n-----\n\nText." in email.text


def test_a_line_that_is_only_a_tag_leaves_nothing():
    email = composed("Hej\n{% if first_name %}\ndu\n{% endif %}\ndär.")

    assert email.text.startswith("Hej du där.\n")


def test_a_tag_at_the_end_of_a_line_does_not_swallow_the_paragraphs_end():
    email = composed("Hej{% if first_name %} {{ first_name }}!{% endif %}\n\nNästa.")

    assert email.text.startswith("Hej Astrid!\n\nNästa.\n")


def test_indented_text_is_no_code():
    email = composed("{% if first_name %}\n    Hej {{ first_name }}!\n{% endif %}")

    assert paragraphs(email.html) == "<p>Hej Astrid!</p>"


def test_the_shops_own_markdown_is_rendered_where_it_stands():
    email = composed("**Om det går sönder.** {{ shop.guarantee }}")

    assert "<strong>Om det går sönder.</strong> Vi lagar." in email.html
    assert "Om det går sönder. Vi lagar." in email.text


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("Hej\n\n{{ first_nam }}", r"a-step\.sv\.md, line 7: 'first_nam' is undefined"),
        ("{{ shop.nme }}", "nothing has an attribute 'nme'"),
        ("{% if x %}", "line 5 .*end of template"),
        ("{{ cart }}", "CartView, which is no text"),
        ("{% block x %}{% endblock %}", "may use if, for, set and feed, not block"),
        ("{{ first_name|safe }}", "No filter named 'safe'"),
        ("![ull](https://shop.example/ull.png)", "pictures come with a product"),
        ("[x](javascript:alert)", "must be an absolute https"),
        ("[x](/kassa)", "must be an absolute https"),
        ("[x](https:///kassa)", "must be an absolute https"),
        ('{{ button("x", "ftp://shop.example") }}', "must be an absolute https"),
        ("{{ first_name.__class__ }}", "nothing has an attribute"),
        ("{{ first_name + 1 }}", r"line 5: \+ is for whole numbers"),
    ],
)
def test_a_faulty_source_names_its_file_and_line(body, complaint):
    with pytest.raises(TemplateError, match=complaint):
        composed(body)


def test_an_error_quotes_nothing_that_a_contact_wrote():
    with pytest.raises(TemplateError) as raised:
        composed("{{ first_name|int + first_name }}", first_name="Hemliga Hilda")

    assert "Hilda" not in str(raised.value)
    assert "cart-abandonment/a-step" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Hej", "line 1: begin with"),
        ("---\nsubject: Hej\n---\nHej", "lacks preheader"),
        ("---\nsubject: Hej\nrubrik: x\n---\nHej", "line 3: expected"),
        ("---\nsubject:\npreheader: x\n---\nHej", "line 2: expected"),
    ],
)
def test_front_matter_that_cannot_be_used_is_refused(text, complaint):
    good = template("Hej")
    broken = type(good)(digest=text, name="a/b", sources={"sv": text}, layout=good.layout)

    with pytest.raises(TemplateError, match=complaint):
        compose(broken, facts(), shop=sample_shop())


def test_a_name_that_is_missing_is_an_error_where_nothing_guards_it():
    with pytest.raises(TemplateError, match=r"guard it with \{% if"):
        composed("Hej {{ first_name }}!", first_name=None)


def test_an_email_about_a_cart_that_is_gone_is_not_made():
    with pytest.raises(TemplateError, match=r"the cart is gone or empty.*skip the step"):
        composed("Hej\n\n{{ product(cart.first) }}", cart=None)


def test_an_email_about_an_offer_that_the_step_does_not_make_is_not_made():
    with pytest.raises(TemplateError, match=r"makes no offer.*offer="):
        composed("{{ code(offer) }}", offer=None)


def test_a_subject_is_one_line_and_cut_at_a_word_when_no_inbox_would_show_it():
    email = composed("Hej", subject="{{ first_name }} och ullen", first_name="Ann " * 30)

    assert len(email.subject) <= 70
    assert email.subject.endswith("Ann…")


def test_the_locale_is_the_contacts_else_its_language_else_the_shops():
    chosen = [composed("Hej", locale=wanted).locale for wanted in ("en", "en-AU", "sv_FI", "de")]

    assert chosen == ["en", "en", "sv", "sv"]
    assert composed("Hej", locale=None).locale == "sv"


def test_mail_about_an_order_says_so_and_offers_no_way_out_of_it():
    email = composed("Hej", purpose=Purpose.TRANSACTIONAL, unsubscribe_url=None)

    assert "hör till din beställning hos Hallgrens Ylle" in email.text
    assert "Avsluta breven" not in email.text + email.html


def test_e_mails_that_were_published_with_one_layout_share_what_was_read_of_it():
    first, second = template("One."), template("Another.")

    assert _read(first, "en", "en")[0] is not _read(second, "en", "en")[0]
    assert _read(first, "en", "en")[1] is _read(second, "en", "en")[1]
    assert _read(first, "en", "en")[1] is not _read(first, "sv", "sv")[1]


def test_the_shops_own_facts_are_live_while_the_template_is_pinned():
    pinned = template("Hej från {{ shop.name }}.")
    moved = msgspec.structs.replace(sample_shop(), postal_address="Nya vägen 1\n820 60 Delsbo")
    email = compose(pinned, facts(), shop=moved)

    assert "Nya vägen 1, 820 60 Delsbo" in email.text
    assert "Nya vägen 1, 820 60 Delsbo" in email.html


def test_a_locale_that_the_layout_has_no_words_for_is_refused_with_what_to_write():
    swedish = template("Hej")
    finnish = replace(swedish, digest="fi", sources={"fi": swedish.sources["sv"]})

    with pytest.raises(TemplateError, match=r"write words\.fi\.toml"):
        compose(finnish, facts(), shop=sample_shop())


def test_the_preheader_is_padded_so_that_no_inbox_shows_the_letter_behind_it():
    email = composed("Hej")
    preheader = email.html.partition('class="preheader"')[2].partition("</div>")[0]

    assert preheader.partition(">")[2].startswith("Några rader")
    assert preheader.count("&nbsp;") >= 60
    assert "Några rader" not in email.text


def test_what_an_inbox_shows_is_told_without_the_body_which_may_be_wrong():
    shown = headline(
        template("{{ nosuch }}", subject="Hej {{ first_name }}"), facts(), shop=sample_shop()
    )

    assert (shown.subject, shown.preheader) == ("Hej Astrid", "Några rader")


def test_a_fact_that_a_subject_lacks_is_told_with_the_step():
    with pytest.raises(TemplateError, match=r"^cart-abandonment/a-step cannot .*'nosuch'"):
        headline(template("Hej", subject="{{ nosuch }}"), facts(), shop=sample_shop())
