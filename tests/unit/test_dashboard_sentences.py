"""Sentences that other parts write down in English are said in the language of a page.

They are read from the code that writes them: one that is changed there, or added, fails here.
"""

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from sekvens import errors
from sekvens.messages.calm import HoldReason
from sekvens.messages.holds import HeldBy
from sekvens.messages.verdicts import why_held
from sekvens.messages.why_entry import Because
from sekvens.messages.why_words import SENTENCES, say
from sekvens.predictions.kinds import Kind
from sekvens.reputation.rates import Kind as Spoils
from sekvens.reputation.rates import Rate
from sekvens.web.dashboard.reasons import Reasons
from sekvens.web.dashboard.words import LANGUAGES, Words
from tests.unit.test_why import ZONE

ROOT = Path(__file__).parents[2]
#: Whose errors reach a page, by an action or a form, and who writes notes and reasons into rows.
WRITERS = (
    "db/locks", "edits/drafting", "edits/live", "edits/merging", "edits/publishing",
    "enrollments/bulk", "enrollments/stranded", "enrollments/temporal", "experiments/looking",
    "limited/warm", "messages/send", "messages/trial", "next_best/choosing", "notices/posting",
    "offers/codes", "outward", "plugin", "predictions/choosing", "reviews/moderation",
    "ses/client", "web/dashboard/retrying", "webhooks/caller", "webhooks/post",
)  # fmt: skip
#: Functions that make a sentence and give it to somebody else.
MAKERS = frozenset(
    {"why_no_model", "why_not", "_conflict", "_timed_out", "_turning", "_not_alone", "learn_from"}
)
#: Names under which sentences are kept until they are written down.
KEPT_AS = frozenset({"note", "reason", "why", "problem", "MISSING", "NOT_TRIED"})
#: Failures that `sekvens.errors` does not have.
FAILURES = frozenset({"Unreachable", "Forbidden"})


def texts(node: ast.expr | None) -> list[str]:
    """Make up what an expression may come to; `7` stands where something is filled in."""
    match node:
        case ast.Constant(value=str() as text):
            return [text]
        case ast.FormattedValue(format_spec=spec):
            return ["7.00%" if spec is not None and "%" in ast.unparse(spec) else "7"]
        case ast.JoinedStr(values=parts):
            return ["".join(chosen) for chosen in itertools.product(*map(texts, parts))]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return ["".join(chosen) for chosen in itertools.product(texts(left), texts(right))]
        case ast.IfExp(body=body, orelse=orelse):
            return texts(body) + texts(orelse)
        case ast.Tuple(elts=[*_, last]):
            return texts(last)
    return []


def is_failure(name: str) -> bool:
    kind = getattr(errors, name, None)
    known = isinstance(kind, type) and issubclass(kind, Exception)
    return known or name in FAILURES


def written(node: ast.AST) -> list[str]:
    """Tell the sentences that one statement, or one argument, writes."""
    match node:
        case ast.Raise(exc=ast.Name(id=name)) if hasattr(errors, name):
            return [str(getattr(errors, name)())]
        case ast.Raise(exc=ast.Call(func=ast.Name(), args=[said])):
            return texts(said)
        case ast.Return(value=ast.Call(func=ast.Name(id=name), args=[said])) if is_failure(name):
            return texts(said)
        case ast.Assign(targets=[ast.Name(id=name)], value=said) if name in KEPT_AS:
            return texts(said)
        case ast.keyword(arg=name, value=said) if name in KEPT_AS:
            return texts(said)
        case ast.FunctionDef(name=name) if name in MAKERS:
            return [
                text
                for inner in ast.walk(node)
                if isinstance(inner, ast.Return)
                for text in texts(inner.value)
            ]
        case ast.Call(func=ast.Attribute(attr="_parked" | "_later"), args=[*_, said]):
            return texts(said)
    return []


def sentences() -> Iterator[tuple[str, str]]:
    for name in WRITERS:
        tree = ast.parse((ROOT / "sekvens" / f"{name}.py").read_text("utf-8"))
        for text in {text for node in ast.walk(tree) for text in written(node)}:
            if " " in text.strip():  # or it is a word
                yield name, " ".join(text.split())


ALL = sorted(set(sentences()))


def test_there_are_sentences_to_look_for() -> None:
    assert len(ALL) > 60
    assert len({name for name, _ in ALL}) == len(WRITERS)


@pytest.mark.parametrize(("name", "text"), ALL, ids=lambda each: each[:60])
def test_every_sentence_that_may_reach_a_page_is_said_in_swedish(name: str, text: str) -> None:
    del name
    said = Reasons("sv").sentence.said(text)

    assert said is not None, f"words/sentences.toml does not have it: {text}"
    assert said != text


def test_the_breakers_note_is_said_with_swedish_numbers() -> None:
    rates = [Rate(purpose="marketing", kind=kind, of=12_345, seen=1_234) for kind in Spoils]
    said = Reasons("sv").sentence.said("; ".join(rate.in_words() for rate in rates))

    assert said is not None
    assert said.startswith("studsade: 1\N{NO-BREAK SPACE}234 av de senaste 12\N{NO-BREAK SPACE}345")
    assert "kallades skräppost: " in said
    assert "10,00 %" in said


@pytest.mark.parametrize("held", [*HoldReason, *HeldBy])
def test_what_holds_a_message_is_a_word_in_a_sentence(held: str) -> None:
    word = Words("reasons", "sv").of("hold", held)

    assert Reasons("sv").sentence.said(why_held(held)) == f"hålls vid grinden: {word}"
    assert Reasons("sv").waits(why_held(held), in_doubt=False) == word


def test_the_kinds_of_predictions_are_words_in_a_sentence() -> None:
    said = Reasons("sv").sentence.said(f"the model predicts {', '.join(Kind)}")
    some = Reasons("sv").sentence.said("the model predicts churn; at lapse, orders_in_90_days the "
                                       "rule stays")  # fmt: skip

    assert said is not None
    assert "_" not in said
    assert some == (
        "modellen förutsäger vilka som slutar beställa; för från när någon har tystnat, "
        "beställningar på 90 dagar gäller regeln"
    )


def test_a_sentence_in_a_sentence_is_said_too() -> None:
    said = Reasons("sv").sentence.said(
        "the shop's own gaps predict: 1200 customers have ordered three times, a model needs 2000"
    )

    assert said == (
        "butikens egna mellanrum förutsäger: 1\N{NO-BREAK SPACE}200 kunder har beställt tre "
        "gånger, en modell behöver 2\N{NO-BREAK SPACE}000"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_none_of_ours_is_quoted_and_escaped(language: str) -> None:
    sentence = Reasons(language).sentence
    marks = {"sv": "”{}”", "en": "“{}”"}[language]

    assert sentence("550 <no> such user") == '<q lang="en">550 &lt;no&gt; such user</q>'
    assert sentence.plain("550 such user") == marks.format("550 such user")
    assert sentence(None) == ""
    assert sentence.said("held up") is None


@pytest.mark.parametrize("key", ["waits", "skipped.rejected"])
def test_sess_own_words_are_quoted_in_the_sentence_about_them(key: str) -> None:
    because = Because(key=key, reason="SES said 400 MessageRejected: Email_address is bad")
    said = say(because, "sv", zone=ZONE, word=Reasons("sv"))
    english = say(because, "en", zone=ZONE)

    assert "SES svarade 400 MessageRejected: ”Email_address is bad”" in said
    assert "SES said 400 MessageRejected: Email_address is bad" in english
    assert key in SENTENCES["sv"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("one-click unsubscribe", "e-postprogrammets knapp för avregistrering"),
        ("form foot_er", "formuläret foot_er"),
        ("e_1", "e_1"),
    ],
)
def test_a_source_is_said_and_the_shops_own_name_of_one_stays_as_it_is(
    source: str, said: str
) -> None:
    assert Reasons("sv").source(source) == said
