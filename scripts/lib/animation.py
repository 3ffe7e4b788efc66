"""An animated SVG of what a terminal showed.

Every state of every line is drawn once. CSS shows it from the time when it came to the time when something else took its
place, and moves all lines up where the screen scrolled. Without animation, or where it is not wanted
(`prefers-reduced-motion`), the last picture is seen.
"""
import collections
from html import escape

from screen import Screen

# Seconds. Output that comes in quick succession is one picture; nobody wants to wait longer than LONGEST; lines that come
# at once are given time to be read; then the last picture stays for a while.
SHORTEST = 0.08
LONGEST = 1.0
READ_A_LINE = 0.12
READ_AT_MOST = 3.0
END = 6.0

# Pixels.
CELL, LINE, SIZE, MARGIN, BAR = 8.4, 19, 14, 16, 30

FONTS = 'ui-monospace,SFMono-Regular,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace'
STYLES = {
    "bold": "font-weight:700",
    "dim": "opacity:.6",
    "italic": "font-style:italic",
    "underline": "text-decoration:underline",
    "c30": "fill:#6e7681", "c31": "fill:#ff7b72", "c32": "fill:#56d364", "c33": "fill:#e3b341",
    "c34": "fill:#6cb6ff", "c35": "fill:#d2a8ff", "c36": "fill:#56d4dd", "c37": "fill:#d1d7e0",
    "c90": "fill:#8b949e", "c91": "fill:#ffa198", "c92": "fill:#7ee787", "c93": "fill:#f2cc60",
    "c94": "fill:#a5d6ff", "c95": "fill:#e2c5ff", "c96": "fill:#a5f3fc", "c97": "fill:#ffffff",
}

Picture = collections.namedtuple("Picture", "time lines top")
Span = collections.namedtuple("Span", "row runs begins ends")  # ends is None for what is there at the end


def pictures(columns, rows, events):
    """What is to be seen, and when: one picture for all events that come within SHORTEST."""
    screen = Screen(columns, rows)
    found, began = [], 0.0
    for time, output in events:
        if time - began >= SHORTEST:
            found.append(Picture(began, screen.shown(), screen.top))
            began = time
        screen.feed(output)
    found.append(Picture(began, screen.shown(), screen.top))
    return found


def paced(found):
    """The pictures with the times at which they are shown, and how long all of it takes."""
    now, before, shown = 0.0, {}, []
    for picture, following in zip(found, [*found[1:], None]):
        new = len(picture.lines.keys() - before.keys())
        reading = min(new * READ_A_LINE, READ_AT_MOST) if new > 1 else 0.0
        shown.append(picture._replace(time=now))
        pause = min(following.time - picture.time, LONGEST) if following else END
        now += max(pause, reading)
        before = picture.lines
    return shown, now


def spans(shown):
    """Each state of each line, with the times between which it is there."""
    current, found = {}, []
    for picture in shown:
        for row in sorted(current.keys() | picture.lines.keys()):
            runs, (before, began) = picture.lines.get(row), current.get(row, (None, 0.0))
            if runs != before:
                if before:
                    found.append(Span(row, before, began, picture.time))
                current[row] = (runs, picture.time)
    found += [Span(row, runs, began, None) for row, (runs, began) in sorted(current.items()) if runs]
    return found


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".")


def text(row, run):
    column, characters, style = run
    names = f' class="{" ".join(style)}"' if style else ""
    # The length makes columns of any font's characters.
    return (
        f'<text x="{number(column * CELL)}" y="{row * LINE + SIZE}" textLength="{number(len(characters) * CELL)}"{names}>'
        f"{escape(characters, quote=False)}</text>"
    )


def keyframes(name, steps, total):
    """An animation that jumps: from each time on, what stands beside it."""
    frames = "".join(f"{number(100 * time / total)}%{{{what}}}" for time, what in steps)
    return f"@keyframes {name}{{{frames}}}"


def drawn(found, total):
    """The lines in groups that come and go together, and the animations of these groups."""
    groups = collections.defaultdict(list)
    for span in found:
        groups[span.begins, span.ends].append(span)
    body, rules, hidden, seen = [], [], "visibility:hidden", "visibility:visible"
    for count, ((begins, ends), members) in enumerate(sorted(groups.items(), key=lambda group: group[0][0])):
        steps = [(0, hidden)] if begins else []
        steps += [(begins, seen)] + ([(ends, hidden)] if ends is not None else [])
        rules.append(keyframes(f"k{count}", steps, total) + f".g{count}{{animation-name:k{count}}}")
        lines = "".join(text(span.row, run) for span in members for run in span.runs)
        body.append(f'<g class="g g{count}{"" if ends is None else " o"}">{lines}</g>')
    return body, rules


def scrolled(shown, total):
    """The animation that moves the lines up."""
    steps, top = [], None
    for picture in shown:
        if picture.top != top:
            top = picture.top
            steps.append((picture.time, f"transform:translateY({-top * LINE}px)"))
    return keyframes("s", steps, total)


def svg(columns, rows, events, title):
    """The animation of events, (time, output), in a terminal of that many columns and rows."""
    shown, total = paced(pictures(columns, rows, events))
    found = spans(shown)
    body, rules = drawn(found, total)
    used = sorted({name for span in found for run in span.runs for name in run[2]})
    width, height = number(columns * CELL + 2 * MARGIN), rows * LINE + BAR + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        'aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        "<style>",
        f"text{{font:{SIZE}px {FONTS};fill:#d1d7e0;white-space:pre}}",
        *(f".{name}{{{STYLES[name]}}}" for name in used),
        ".o{visibility:hidden}",
        "@media (prefers-reduced-motion:no-preference){",
        f".g,.s{{animation:{number(total)}s step-end infinite}}",
        ".s{animation-name:s}",
        scrolled(shown, total),
        *rules,
        "}",
        "</style>",
        f'<rect x=".5" y=".5" width="{number(columns * CELL + 2 * MARGIN - 1)}" height="{height - 1}" rx="8" fill="#0d1117" '
        'stroke="#444c56"/>',
        *(f'<circle cx="{MARGIN + 5 + 18 * dot}" cy="16" r="5" fill="#444c56"/>' for dot in range(3)),
        f'<svg x="{MARGIN}" y="{BAR}" width="{number(columns * CELL + MARGIN)}" height="{rows * LINE}" xml:space="preserve">'
        f'<g class="s" transform="translate(0 {-shown[-1].top * LINE})">',
        *body,
        "</g></svg>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
