"""A terminal's screen, as far as the output of our programs needs it: text, CR, LF, erase line, cursor up and down, SGR.

Rows are numbered from the first line that was ever written, so that a row keeps its number when the screen scrolls.
Whatever is not understood is an error that names it: a picture that leaves something out would be wrong without a word.
"""
import re
import unicodedata

SEQUENCE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")
# What may be the beginning of a sequence whose end comes with the next piece of output.
UNFINISHED = re.compile(r"\x1b(\[[0-9;]*)?$")

PLAIN = ()
BOLD, DIM, ITALIC, UNDERLINE = "bold", "dim", "italic", "underline"
ATTRIBUTES = {1: BOLD, 2: DIM, 3: ITALIC, 4: UNDERLINE}
ENDS = {22: {BOLD, DIM}, 23: {ITALIC}, 24: {UNDERLINE}}
COLOURS = {*range(30, 38), *range(90, 98)}


class Unknown(Exception):
    """Output that this screen cannot show."""


class Screen:
    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines = {}  # row: [(character, style)], as long as what was written there
        self.top = 0  # the first row that is visible
        self.row = self.column = 0
        self.style = PLAIN  # what SGR has set: names of attributes and "c" with the number of a colour, sorted
        self.rest = ""

    def feed(self, text):
        text = self.rest + text
        unfinished = UNFINISHED.search(text)
        self.rest = unfinished.group() if unfinished else ""
        text = text[: len(text) - len(self.rest)]
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                sequence = SEQUENCE.match(text, at)
                if not sequence:
                    raise Unknown(f"the sequence {text[at:at + 8]!r}")
                self.control(sequence)
                at = sequence.end()
            else:
                self.character(text[at])
                at += 1

    def character(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.line_feed()
        elif character < " " or character == "\x7f":
            raise Unknown(f"the control character {character!r}")
        elif unicodedata.east_asian_width(character) in "WF" or unicodedata.combining(character):
            raise Unknown(f"the character {character!r}, which is not one column wide")
        else:
            self.write(character)

    def write(self, character):
        # After the last column the cursor waits there until one more character comes.
        if self.column == self.columns:
            self.column = 0
            self.line_feed()
        line = self.lines.setdefault(self.row, [])
        line.extend([(" ", PLAIN)] * (self.column + 1 - len(line)))
        line[self.column] = (character, self.style)
        self.column += 1

    def line_feed(self):
        self.row += 1
        self.top = max(self.top, self.row - self.rows + 1)

    def control(self, sequence):
        numbers = [int(number or 0) for number in sequence.group(1).split(";")]
        match sequence.group(2), numbers:
            case "m", _:
                for number in numbers:
                    self.select(number, sequence)
            case "K", [how] if how in (0, 1, 2):
                self.erase(how)
            case "A", [count]:
                self.row = max(self.top, self.row - max(count, 1))
            case "B", [count]:
                self.row = min(self.top + self.rows - 1, self.row + max(count, 1))
            case _:
                raise Unknown(f"the sequence {sequence.group()!r}")

    def erase(self, how):
        line = self.lines.get(self.row, [])
        column = min(self.column, self.columns - 1)
        match how:
            case 0:
                del line[column:]
            case 1:
                line[: column + 1] = [(" ", PLAIN)] * len(line[: column + 1])
            case 2:
                line.clear()

    def select(self, number, sequence):
        style = set(self.style)
        if number == 0:
            style.clear()
        elif number in ATTRIBUTES:
            style.add(ATTRIBUTES[number])
        elif number in ENDS:
            style -= ENDS[number]
        elif number in COLOURS or number == 39:
            style = {name for name in style if not name.startswith("c")}
            style |= {f"c{number}"} if number != 39 else set()
        else:
            raise Unknown(f"the number {number} in the sequence {sequence.group()!r}")
        self.style = tuple(sorted(style))

    def shown(self):
        """What there is to see: each row that is not empty as runs of one style, (column, text, style)."""
        return {row: tuple(runs(line)) for row, line in self.lines.items() if any(cell[0] != " " for cell in line)}


def runs(line):
    """A line as runs of one style, without the blanks at their ends. One or two blanks within do not end a run."""
    column = 0
    while column < len(line):
        style, text, start = line[column][1], "", column
        while column < len(line) and line[column][1] == style:
            text += line[column][0]
            column += 1
        for part in re.finditer(r"\S+(?: {1,2}\S+)*", text):
            yield start + part.start(), part.group(), style
