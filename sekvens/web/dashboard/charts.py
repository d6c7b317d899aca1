"""Charts: SVG drawn here, by classes alone, each with its table for whoever cannot see it.

Colours are the style sheet's (`series-1` …). Text stands beside the drawing and not in it, so that
it is as large on a phone as on a wide screen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from markupsafe import Markup, escape

WIDTH, HEIGHT = 640, 180
_PAD: Final = 4
#: Colours that can be told apart, also without seeing colour: the style sheet varies the dashes.
SERIES_MAX: Final = 6

_ids = count()


@dataclass(frozen=True, kw_only=True)
class Series:
    """Values in the order of the chart's labels; None: not known."""

    name: str
    values: Sequence[float | None]


def line_chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    write: Callable[[float | None], str],
    table: str,
) -> Markup:
    """Draw lines over time, from 0 up, and down to the lowest where there is less than 0.

    `write` writes a value for people, `table` says what opens the table ("As a table").
    """
    known = [value for one in series for value in one.values if value is not None]
    scale = _Scale(low=min([0.0, *known]), top=max([0.0, *known]))
    lines = "".join(
        str(_line(one, scale, number)) for number, one in enumerate(series[:SERIES_MAX], 1)
    )
    drawing = _drawing(title, Markup(lines), foot=scale.height(0.0))  # noqa: S704  made of numbers alone
    ends = Markup("<p class='chart-ends'><span>{}</span><span>{}</span></p>").format(
        labels[0] if labels else "", labels[-1] if labels else ""
    )
    peak = Markup("<p class='chart-top'>{}</p>").format(write(scale.top))
    return _figure(title, peak + drawing + ends, labels, series, write, table)


def bar_chart(
    title: str,
    labels: Sequence[str],
    values: Sequence[float | None],
    *,
    write: Callable[[float | None], str],
    table: str,
) -> Markup:
    """Draw one horizontal bar for each label, from 0; each says its value beside itself."""
    top = max((value for value in values if value is not None), default=0.0) or 1.0
    rows = Markup("").join(
        Markup(
            "<li><span class='bar-label'>{label}</span><svg class='bar' viewBox='0 0 100 8' "
            "preserveAspectRatio='none' aria-hidden='true'><rect class='series-1' width='{width}' "
            "height='8'/></svg><span class='bar-value'>{value}</span></li>"
        ).format(
            label=label,
            width=f"{max(0.0, value or 0.0) / top * 100:.2f}",
            value=write(value),
        )
        for label, value in zip(labels, values, strict=True)
    )
    bars = Markup("<ul class='bars'>{}</ul>").format(rows)
    return _figure(title, bars, labels, [Series(name=title, values=values)], write, table)


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """What stands how high in a drawing."""

    low: float
    top: float

    def height(self, value: float) -> float:
        """Tell how far below the drawing's upper edge a value stands."""
        span = self.top - self.low
        # Where all is 0, all of it lies on the ground.
        part = (self.top - value) / span if span else 1.0
        return _PAD + part * (HEIGHT - 2 * _PAD)


_PIECE: Final = Markup("<polyline points='{}'/>")
#: A point alone is a line of no length, which round caps show as a dot.
_DOT: Final = Markup("<polyline class='dot' points='{} {}'/>")


def _line(one: Series, scale: _Scale, number: int) -> Markup:
    step = (WIDTH - 2 * _PAD) / max(len(one.values) - 1, 1)
    pieces: list[list[str]] = [[]]
    for at, value in enumerate(one.values):
        if value is None:
            pieces.append([])
            continue
        pieces[-1].append(f"{_PAD + at * step:.1f},{scale.height(value):.1f}")
    drawn = Markup("").join(
        _PIECE.format(" ".join(piece)) if len(piece) > 1 else _DOT.format(piece[0], piece[0])
        for piece in pieces
        if piece
    )
    return Markup("<g class='line series-{}'>{}</g>").format(number, drawn)


def _drawing(title: str, inside: Markup, *, foot: float) -> Markup:
    name = f"chart-{next(_ids)}"
    return Markup(
        "<svg class='chart' viewBox='0 0 {width} {height}' preserveAspectRatio='none' role='img' "
        "aria-labelledby='{name}'><title id='{name}'>{title}</title>"
        "<line class='axis' x1='0' x2='{width}' y1='{foot}' y2='{foot}'/>{inside}</svg>"
    ).format(width=WIDTH, height=HEIGHT, name=name, title=title, foot=f"{foot:.1f}", inside=inside)


def _figure(
    title: str,
    drawing: Markup,
    labels: Sequence[str],
    series: Sequence[Series],
    write: Callable[[float | None], str],
    table: str,
) -> Markup:
    legend = Markup("").join(
        Markup("<li class='series-{}'>{}</li>").format(number, one.name)
        for number, one in enumerate(series[:SERIES_MAX], 1)
    )
    heads = Markup("").join(
        Markup("<th scope='col' class='num'>{}</th>").format(s.name) for s in series
    )
    rows = Markup("").join(
        Markup("<tr><th scope='row'>{}</th>{}</tr>").format(
            label,
            Markup("").join(
                Markup("<td class='num'>{}</td>").format(write(one.values[at])) for one in series
            ),
        )
        for at, label in enumerate(labels)
    )
    return Markup(
        "<figure class='chart-box'><figcaption>{title}</figcaption>{drawing}{legend}"
        "<details><summary>{table}</summary><div class='scroll' role='region' tabindex='0' "
        "aria-label='{title}'><table class='data'><thead><tr><td></td>{heads}</tr></thead>"
        "<tbody>{rows}</tbody></table></div></details></figure>"
    ).format(
        title=escape(title),
        drawing=drawing,
        legend=Markup("<ul class='legend'>{}</ul>").format(legend) if len(series) > 1 else "",
        table=table,
        heads=heads,
        rows=rows,
    )
