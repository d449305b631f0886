"""The files that are made from what was measured, at any time again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labtools.errors import ConfigurationError
from labtools.evaluation.compare import compare
from labtools.evaluation.comparison import Comparison
from labtools.evaluation.fitting.fit import Fit, fit
from labtools.evaluation.page import comparison_page, page
from labtools.evaluation.report import Report, summarise
from labtools.evaluation.results_folder import ResultsFolder
from labtools.files import write_whole
from labtools.model.profile import Prices
from labtools.read_back import to_json


def write_report(folder: str | Path, prices: Prices | None = None) -> Report:
    """Write report.json, report.html and, where a profile can be fitted, profile.json."""
    results = ResultsFolder(folder)
    measured = results.read()
    found = fit(measured)
    report = summarise(measured, found, prices)
    _write(results.path / "report.json", to_json(report))
    _write(results.path / "report.html", page(report))
    if found.profile:
        _write(results.path / "profile.json", found.profile_json())
    return report


def write_profile(folder: str | Path) -> tuple[Fit, Path]:
    """Fit the latency model, and write profile.json. Raises NothingMeasured when it cannot."""
    results = ResultsFolder(folder)
    found = fit(results.read())
    return found, _write(results.path / "profile.json", found.profile_json())


def write_comparison(folders: Sequence[str | Path], prefix: str | Path) -> Comparison:
    """Compare measured endpoints, and write PREFIX.html and PREFIX.json.

    Raises ConfigurationError for a folder that comes twice: it would be like itself.
    """
    seen: dict[Path, str | Path] = {}
    for folder in folders:
        if (path := Path(folder).resolve()) in seen:
            raise ConfigurationError(
                f"{folder} comes twice among what is to be compared"
                f"{'' if str(folder) == str(seen[path]) else f', also as {seen[path]}'}. "
                "Name the folder of another endpoint or of another run."
            )
        seen[path] = folder
    found = compare(*(ResultsFolder(folder).read() for folder in folders))
    prefix = Path(prefix)
    _write(prefix.with_name(f"{prefix.name}.json"), to_json(found))
    _write(prefix.with_name(f"{prefix.name}.html"), comparison_page(found))
    return found


def _write(path: Path, text: str) -> Path:
    try:
        return write_whole(path, text)
    except OSError as error:
        raise ConfigurationError(f"Cannot write {path}: {error.strerror}.") from None
