"""`labtools evaluate` as it is typed: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json

import pytest

from labtools.cli import main
from labtools.evaluation.results_folder import ResultsFolder
from labtools.model.named_profiles import load_profiles, named_profile

FEW = ("--size", "quick", "--context-calls", "2", "--open-loop-calls", "3", "--prefix-rounds", "2")
FEW += ("--structured-calls", "3", "--cold-schemas", "2", "--chain-steps", "4", "--pause-s", "1")


def evaluate(*arguments):
    main(["evaluate", *map(str, arguments)])


def endpoint(name, model="fast"):
    return ("--base-url", "sim", "--model", model, "--name", name)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    evaluate(*endpoint("acme"), *endpoint("other", "slow"), *FEW, "--out", out)
    return out


def test_it_leaves_a_report_a_profile_and_a_comparison(results):
    for name in ("acme", "other"):
        files = {path.name for path in (results / name).iterdir()}
        assert files == {
            "settings.json",
            "records.jsonl",
            "report.json",
            "report.html",
            "profile.json",
        }
    assert json.loads((results / "comparison.json").read_text())["format"]
    assert "acme" in (results / "comparison.html").read_text()


def test_the_profile_is_the_endpoint(results):
    [found] = load_profiles(results / "acme" / "profile.json").values()
    true = named_profile("fast")
    for name in ("overhead_s", "prefill_tokens_per_s", "decode_tokens_per_s"):
        assert getattr(found, name) == pytest.approx(getattr(true, name), rel=1e-6)


def test_compare_fit_and_report_make_the_same_again(results, tmp_path, capsys):
    files = ("report.json", "report.html", "profile.json")
    before = {name: (results / "acme" / name).read_text() for name in files}
    for name in files:
        (results / "acme" / name).unlink()
    evaluate("fit", results / "acme")
    evaluate("report", results / "acme")
    assert {name: (results / "acme" / name).read_text() for name in files} == before
    evaluate("compare", results / "acme", results / "other", "--out", tmp_path / "again")
    assert (tmp_path / "again.json").read_text() == (results / "comparison.json").read_text()
    said = capsys.readouterr().out
    assert "\ndecode_tokens_per_s" in said
    assert said.count("A step is off by") == 2
    assert "cached tokens as the endpoint has them" in said


def test_fit_keeps_names_from_statuses_and_numbers_without_exponents(results, capsys):
    evaluate("fit", results / "acme")
    table = capsys.readouterr().out.partition("Not fitted")[0].splitlines()
    rows = {row.split()[0]: row.split()[1:] for row in table}
    assert rows["prefix_cache.reuse_tokens_per_s"][0] in ("absent", "not")
    assert rows["prefill_tokens_per_s"] == ["measured", "20,000"]


def test_it_says_what_it_will_send_and_a_dry_run_sends_nothing(tmp_path, capsys):
    evaluate(*endpoint("acme"), "--out", tmp_path, "--dry-run", "--prices", "2,1,8")
    said = capsys.readouterr().out
    assert "requests" in said
    assert "US dollars" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("provider", ["larch", "juniper", "spruce"])
def test_a_provider_of_the_course_is_measured_by_its_name(tmp_path, undrawn, provider):
    evaluate(*endpoint("acme", provider), *FEW, "--out", tmp_path)
    assert ResultsFolder(tmp_path / "acme").identity().model == provider


def test_a_settings_flag_reaches_the_plan(results):
    settings = ResultsFolder(results / "acme").identity().settings
    assert (settings.structured_calls, settings.chain_steps, settings.pause_s) == (3, 4, 1.0)


def test_a_name_of_a_hundred_letters_becomes_a_folder(tmp_path):
    name = "a" * 100
    evaluate(*endpoint(name), *FEW, "--out", tmp_path, "--dry-run")
    ResultsFolder(tmp_path / name).path.mkdir()


def test_a_folder_is_not_compared_with_itself(results, tmp_path):
    again = results / "other" / ".." / "acme"
    with pytest.raises(SystemExit, match=r"acme comes twice .*, also as"):
        evaluate("compare", results / "acme", again, "--out", tmp_path / "again")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("action", ["compare", "fit", "report"])
def test_the_help_says_which_folder_is_meant(action, capsys):
    with pytest.raises(SystemExit):
        evaluate(action, "--help")
    assert "such as results/acme" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "needs --base-url, --model and --name"),
        (("--base-url", "sim", "--model", "fast"), "0 --name"),
        ((*endpoint("a"), *endpoint("a")), "must be its own"),
        (endpoint("../a"), "cannot be one"),
        (endpoint("a", "nope"), "Unknown profile"),
        ((*endpoint("a", "nope"), "--dry-run"), "juniper, larch"),
        ((*endpoint("a")[2:], "--base-url", ""), "--base-url of a is empty"),
        ((*endpoint("a")[2:], "--base-url", " "), "--base-url of a is empty"),
        (endpoint("a", ""), "--model of a is empty"),
        (endpoint("a" * 101), "found 101 characters"),
        (endpoint("\N{GRINNING FACE}" * 100), "and 400 bytes"),
        ((*endpoint("a"), "--contexts", "999999999", "--dry-run"), "to 2,000,000"),
        ((*endpoint("a"), "--prefix-tokens", "2000001"), "prefix_tokens is 2000001"),
        ((*endpoint("a"), "--size", "huge"), "Unknown size"),
        ((*endpoint("a"), "--contexts", "2k"), "whole numbers with commas"),
        ((*endpoint("a"), "--slo-s", "fast"), "takes a number"),
        ((*endpoint("a"), "--slo-s", "0"), "slo_s is 0"),
        ((*endpoint("a"), "--max-requests", "10"), " requests, and --max-requests allows 10."),
        ((*endpoint("a"), "--max-tokens", "10"), " tokens, and --max-tokens allows 10."),
        ((*endpoint("a"), "--max-usd", "1"), "needs --prices"),
        ((*endpoint("a"), "--max-usd", "0.01", "--prices", "9,9,9"), "Nothing was sent"),
        ((*endpoint("a"), "--prices", "1,1"), "three numbers"),
        (("compare", "a", "b", "c", *["--prices", "1,1,1"] * 2), "once for each; found 2 for 3"),
        ((*endpoint("a"), "--key-from", "NO_SUCH_KEY"), "no variable NO_SUCH_KEY"),
        (("compare", "/nowhere", "/elsewhere"), "no evaluation's folder"),
        (("fit", "/nowhere"), "no evaluation's folder"),
        (("report", "/nowhere"), "no evaluation's folder"),
    ],
)
def test_what_cannot_work_is_one_clear_line(tmp_path, arguments, said):
    out = () if arguments[:1] in (("compare",), ("fit",), ("report",)) else ("--out", tmp_path)
    with pytest.raises(SystemExit) as stopped:
        evaluate(*arguments, *out)
    assert said in str(stopped.value)
    assert list(tmp_path.iterdir()) == []


def test_another_run_in_the_same_folder_is_refused_and_loses_nothing(results, capsys):
    before = (results / "acme" / "records.jsonl").read_bytes()
    with pytest.raises(SystemExit, match="choose another --name or --out"):
        evaluate(*endpoint("acme"), *FEW, "--seed", "7", "--out", results)
    assert (results / "acme" / "records.jsonl").read_bytes() == before
    assert capsys.readouterr().out == "", "nothing but the refusal is said"


def test_a_folder_that_another_run_is_writing_is_refused_and_nothing_else_is_said(results, capsys):
    folder = ResultsFolder(results / "acme")
    with folder.writing(folder.identity()), pytest.raises(SystemExit, match="another run"):
        evaluate(*endpoint("acme"), *FEW, "--out", results)
    assert capsys.readouterr().out == ""


def test_stopped_by_its_budget_it_reports_what_it_has_and_goes_on_with_more(
    tmp_path, capsys, undrawn
):
    plan = (*endpoint("acme"), *FEW, "--out", tmp_path)
    # The plan fits by its own estimate; then part of it has been spent before.
    evaluate(*plan)
    records = tmp_path / "acme" / "records.jsonl"
    lines = records.read_bytes().splitlines(keepends=True)
    records.write_bytes(b"".join(lines[: len(lines) // 2]))
    spent = len(ResultsFolder(tmp_path / "acme").read().made)
    needed = int(capsys.readouterr().out.split("At most ")[1].split()[0])
    with pytest.raises(SystemExit, match="budget"):
        evaluate(*plan, "--max-requests", needed)
    assert "acme" in capsys.readouterr().out
    assert spent < len(ResultsFolder(tmp_path / "acme").read().made) <= needed
    evaluate(*plan)
    assert not [
        one for one in ResultsFolder(tmp_path / "acme").read().observations if one.record.error
    ]


@pytest.mark.parametrize("limit", ["--max-requests", "--max-tokens"])
def test_at_a_limit_this_commands_options_are_named_again_and_again(
    tmp_path, capsys, undrawn, limit
):
    plan = (*endpoint("acme"), *FEW, "--structured-calls", "0", "--out", tmp_path)
    evaluate(*plan)
    folder = ResultsFolder(tmp_path / "acme")
    lines = folder.records.read_text().splitlines(keepends=True)
    kept = [line for line in lines if '"finished","block":"chain' not in line]
    folder.records.write_text("".join(kept))
    told = capsys.readouterr().out.split("At most ")[1].replace(",", "").split()
    needed = {"--max-requests": int(told[0]), "--max-tokens": int(told[2]) + int(told[5])}[limit]
    for _ in range(9):  # each try adds its calls, until no room is left for one
        folder.records.write_text(
            "".join(
                [
                    *folder.records.read_text().splitlines(True),
                    *(line for line in kept if '"kind":"call"' in line),
                ]
            )
        )
    for _ in range(2):
        with pytest.raises(SystemExit) as stopped:
            evaluate(*plan, limit, needed)
        assert f"{limit} {needed}" in str(stopped.value)
        assert "acme has" in str(stopped.value)
        assert "with a higher limit" in str(stopped.value)
        assert "connect(" not in str(stopped.value)
