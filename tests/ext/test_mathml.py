"""LaTeX becomes MathML, or the build hears of it."""

import pytest
from docutils.utils.math import MathError
from mathml import latex_to_mathml


@pytest.mark.parametrize(
    ("latex", "mathml"),
    [
        ("a < b", "<math><mi>a</mi><mo>&lt;</mo><mi>b</mi></math>"),
        (r"\frac{n}{r}", "<math><mfrac><mi>n</mi><mi>r</mi></mfrac></math>"),
        (r"\mathrm{TTFT}", "<math><mi>TTFT</mi></math>"),
        ("n^*", "<math><msup><mi>n</mi><mo>*</mo></msup></math>"),
    ],
)
def test_inline_formula(latex: str, mathml: str) -> None:
    assert latex_to_mathml(latex, display=False) == mathml


def test_displayed_formula_says_so() -> None:
    assert latex_to_mathml("x", display=True) == '<math display="block"><mi>x</mi></math>'


def test_named_characters_become_characters() -> None:
    function = latex_to_mathml(r"\operatorname{E} x", display=False)
    assert "&" not in function
    assert "\N{FUNCTION APPLICATION}" in function


def test_text_keeps_its_spaces() -> None:
    assert ">a b\N{NO-BREAK SPACE}<" in latex_to_mathml(r"\text{a b }x", display=False).replace(
        "a\N{NO-BREAK SPACE}b", "a b"
    )


def test_label_of_a_brace_stands_under_it() -> None:
    formula = latex_to_mathml(r"\underbrace{x}_{y}", display=True)
    assert formula.endswith(
        "<munder><munder><mi>x</mi><mo>⏟</mo></munder><mi>y</mi></munder></math>"
    )


@pytest.mark.parametrize("latex", [r"\nosuchcommand", r"\begin{nosuch}x\end{nosuch}", r"\frac{a"])
def test_what_has_no_translation_is_an_error(latex: str) -> None:
    with pytest.raises(MathError):
        latex_to_mathml(latex, display=False)
