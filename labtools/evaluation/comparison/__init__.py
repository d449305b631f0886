"""Evaluations side by side: `compare` pairs their calls; as a page, as JSON, as text."""

from labtools.evaluation.comparison.compare import compare
from labtools.evaluation.comparison.page import comparison_page
from labtools.evaluation.comparison.result import Comparison, to_json
from labtools.evaluation.comparison.text import as_text

__all__ = ["Comparison", "as_text", "compare", "comparison_page", "to_json"]
