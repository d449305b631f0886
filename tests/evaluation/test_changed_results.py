"""Results that something else has changed: read, or refused in a line that names the place."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from small_evaluation import EVERYTHING, SMALL

from labtools import connect
from labtools.errors import LabtoolsError
from labtools.evaluation.reporting import write_comparison, write_profile, write_report
from labtools.evaluation.results_folder import ResultsFolder
from labtools.evaluation.session import evaluate

STRANGE = (None, True, -1, 0, 1e300, 10**30, "", "text", "-1", [], {}, [None], {"a": 1}, ...)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    with connect("sim", profile=EVERYTHING) as lab:
        evaluate({"a": lab}, out, SMALL, progress=False)
    return out / "a"


def changed(values, rng):
    """The values, one of them replaced or, for `...`, taken away; and which."""
    holder, path = values, []
    while True:
        name = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        path.append(name)
        inner = holder[name]
        if not (isinstance(inner, dict | list) and inner and rng.random() < 0.8):
            break
        holder = inner
    strange = rng.choice(STRANGE)
    if strange is ...:
        del holder[name]
    else:
        holder[name] = strange
    return values, f"{path} = {strange!r}"


def outcome(made, folder):
    """What came of it: "done", or the one clear line. Anything else is raised."""
    try:
        made(folder)
    except LabtoolsError as error:
        return str(error)
    return "done"


@pytest.mark.parametrize("seed", range(10))
def test_a_changed_value_is_read_or_is_one_clear_line(whole, tmp_path, seed):
    rng = random.Random(seed)
    folder = tmp_path / "a"
    for _ in range(3):
        shutil.copytree(whole, folder, dirs_exist_ok=True)
        if rng.random() < 0.2:
            file = folder / "settings.json"
            values, what = changed(json.loads(file.read_text()), rng)
            file.write_text(json.dumps(values))
        else:
            file = folder / "records.jsonl"
            lines = file.read_text().splitlines()
            number = rng.randrange(len(lines))
            values, what = changed(json.loads(lines[number]), rng)
            lines[number] = json.dumps(values)
            file.write_text("\n".join(lines) + "\n")
        for made in (write_report, write_profile):
            try:
                said = outcome(made, folder)
            except Exception as error:
                raise AssertionError(f"{what} ends {made.__name__} in {error!r}") from error
            assert "\n" not in said, what
            assert len(said) < 600, what


@pytest.mark.parametrize("content", ["", "\0", "[]", "{", "5", '{"format":"other"}'])
@pytest.mark.parametrize("made", [write_report, write_profile])
def test_settings_that_are_none_are_refused(whole, tmp_path, content, made):
    folder = shutil.copytree(whole, tmp_path / "a")
    (folder / "settings.json").write_text(content)
    with pytest.raises(LabtoolsError, match="no evaluation's folder"):
        made(folder)
    with pytest.raises(LabtoolsError, match="no evaluation's folder"):
        write_comparison([whole, folder], tmp_path / "comparison")


@pytest.mark.parametrize("gone", ["folder", "records", "moved"])
def test_results_that_vanish_during_a_run_are_said_to_have_gone(tmp_path, gone, monkeypatch):
    folder = tmp_path / "a"
    calls = 0

    def vanish_at_the_30th(*_):
        nonlocal calls
        calls += 1
        if calls == 30:
            if gone == "folder":
                shutil.rmtree(folder)
            elif gone == "moved":
                folder.rename(tmp_path / "b")
            else:
                (folder / "records.jsonl").unlink()

    with connect("sim", profile=EVERYTHING) as lab:
        client_post = lab.client.post

        async def post(*arguments, **options):
            vanish_at_the_30th()
            return await client_post(*arguments, **options)

        monkeypatch.setattr(lab.client, "post", post)
        with pytest.raises(LabtoolsError, match="has gone: it was deleted or moved"):
            evaluate({"a": lab}, tmp_path, SMALL, progress=False)


def test_results_of_an_earlier_version_still_load(tmp_path):
    before = Path(__file__).with_name("results_of_0_1")
    folder = shutil.copytree(before, tmp_path / "a")
    found = ResultsFolder(folder).read()
    assert len(found.finished) == 7
    assert found.abilities.tools
    assert found.abilities.not_known == ()
    report = write_report(folder)
    assert [row.asked_tokens for row in report.contexts.rows] == [2_000, 8_000]
    assert report.completeness.finished == 7
    assert report.spent.requests == len(found.made) == 21
