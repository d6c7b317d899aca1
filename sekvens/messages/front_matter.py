"""Front matter: the first lines of an e-mail's source, which say what an inbox shows of it."""

import re

from sekvens.errors import TemplateError

_NEEDED = frozenset({"subject", "preheader"})
#: The other subject under which a message may be told again.
SECOND_SUBJECT = "second_subject"

_TAGS_ALONE = re.compile(r"\s*(?:\{%(?:(?!%\}).)*%\}\s*)")


def divided(text: str, file: str) -> tuple[dict[str, str], str]:
    """Divide a source into front matter and body; the body keeps its line numbers."""
    lines = _lines(text)
    last = _last_of_front(lines, file)
    front = {}
    for number, line in enumerate(lines[1:last], start=2):
        key, colon, value = line.partition(":")
        known = key.strip() in {*_NEEDED, SECOND_SUBJECT}
        if not colon or not known or not value.strip():
            raise TemplateError(
                f"{file}, line {number}: expected `subject: …`, `preheader: …` or "
                f"`{SECOND_SUBJECT}: …`"
            )
        front[key.strip()] = value.strip()
    missing = _NEEDED - front.keys()
    if missing:
        raise TemplateError(f"{file}: its front matter lacks {' and '.join(sorted(missing))}")
    body = [_keeping_its_end(line) for line in lines[last + 1 :]]
    return front, "\n" * (last + 1) + "\n".join(body)


def front_of(text: str, file: str) -> str:
    """Leave the body out of a source: it takes ten times as long to read as the rest.

    Raises:
        TemplateError: it has no front matter.
    """
    lines = _lines(text)
    return "\n".join(lines[: _last_of_front(lines, file) + 1])


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def _last_of_front(lines: list[str], file: str) -> int:
    ends = [number for number, line in enumerate(lines) if line.strip() == "---"][:2]
    if len(ends) != 2 or ends[0] != 0:
        raise TemplateError(f"{file}, line 1: begin with `---`, subject, preheader, `---`")
    return ends[1]


def _keeping_its_end(line: str) -> str:
    """Let a tag swallow the line's end only where it stands alone.

    A line `{% if x %}` should leave nothing; `Hej{% if x %}, du{% endif %}` ends its paragraph.
    """
    alone = _TAGS_ALONE.fullmatch(line)
    return f"{line.rstrip()[:-2]}+%}}" if line.rstrip().endswith("%}") and not alone else line
