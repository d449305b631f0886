"""The colours: Okabe and Ito's, which colour-blind readers can tell apart; and styles of lines.

A meaning keeps its colour through the book: lines of one meaning differ in style.
"""

TTFT = "#D55E00"
DECODE = "#0072B2"
TOOL = "#009E73"
WAITING = "#999999"
HIGHLIGHT = "#CC79A7"
HIGHLIGHT_TEXT = "#A33E76"  # the same hue, dark enough for words on PAPER
INK = "#222222"
MUTED = "#666666"
REST = "#DDDDDD"  # what a bar is a part of
PAPER = "#FFFFFF"
ON_PALE = "#202020"  # ink on a pale bar, dark in both schemes

STYLES = ("-", "--", "-.", ":")


def words_in(colour: str) -> str:
    """The colour for words about a mark of this colour."""
    return HIGHLIGHT_TEXT if colour == HIGHLIGHT else colour
