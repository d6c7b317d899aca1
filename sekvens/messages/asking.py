"""What a question is made of: its words, its answers, and what each answer leads to.

A question's name, an answer's value and a trait's name are recorded and signed into links, so they
never change; the words may.
"""

from dataclasses import dataclass, field

from sekvens.shop import Localized


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer that may be chosen."""

    value: str  #: as recorded: `yes`, `7`
    label: Localized  #: on its button
    then: Localized  #: what happens now: said on the page once it is given
    leads_to: str | None = None  #: the question that the page asks next


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question with its answers, in the order in which they are shown."""

    text: Localized
    answers: tuple[Answer, ...]
    #: what the ends of a scale mean; empty where each answer speaks for itself
    lowest: Localized = field(default_factory=dict)
    highest: Localized = field(default_factory=dict)
    #: what the field for the contact's own words is called; empty: there is none
    own_words: Localized = field(default_factory=dict)
    #: the answer is a rating of the product that the link names, and the own words are its review
    is_review: bool = False
    #: the answer is about the product that the e-mail names as next best, and may refuse it
    is_refusal: bool = False
    trait: str | None = None  #: the contact's trait that the answer becomes
    place: tuple[int, int] | None = None  #: which of how many, in a quiz

    def answer(self, value: str) -> Answer | None:
        """Find an answer by what it is recorded as; None if the question has no such answer."""
        return next((answer for answer in self.answers if answer.value == value), None)
