"""`python -m labtools profiles`, as a reader sees it."""

import asyncio

import pytest

from labtools import cli
from labtools.cli import main
from labtools.clock import unix_time_s, wall_epoch_s
from labtools.model.named_profiles import NAMED


def test_every_profile_is_listed_with_its_source_in_80_columns(capsys):
    main(["profiles"])
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    words = " ".join(out.split())
    for profile in NAMED.values():
        assert f"\n{profile.name}\n" in f"\n{out}"
        assert " ".join(profile.source.split()) in words


def test_profiles_of_a_file_are_listed_too(capsys, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        "[mine]\ndecode_tokens_per_s = 99\nsource = 'Measured.'\n"
        "[mine.prices]\ninput_usd_per_million = 2\n[mine.prefix_cache]\nttl_s = 60\n"
    )
    main(["profiles", "--profiles", str(path)])
    out = " ".join(capsys.readouterr().out.split())
    assert "mine TTFT 0 s at 1,000 uncached tokens; decode_tokens_per_s 99; prefix_cache; " in out
    assert "prefix_cache.ttl_s 60; prices; prices.input_usd_per_million 2. Measured." in out


@pytest.fixture
def one_profile(monkeypatch):
    """Few lines are drawn sooner than many."""
    monkeypatch.setattr(cli, "NAMED", {"latency-70b": NAMED["latency-70b"]})


def test_figures_are_drawn_and_told(one_profile, capsys, tmp_path):
    main(["profiles", "--draw", str(tmp_path / "fig")])
    out = capsys.readouterr().out
    for name in ("ttft", "speed"):
        path = tmp_path / f"fig-{name}.svg"
        assert path.read_text().startswith("<?xml")
        assert f"{path}: " in out


def test_a_wrong_file_is_one_line(capsys, tmp_path):
    with pytest.raises(SystemExit, match="labtools: Cannot read "):
        main(["profiles", "--profiles", str(tmp_path / "none.toml")])


def test_figures_that_cannot_be_written_are_one_line(one_profile, tmp_path):
    prefix = tmp_path / "nowhere" / "fig"
    with pytest.raises(SystemExit, match=f"^labtools: Cannot write {prefix}-ttft.svg: ") as caught:
        main(["profiles", "--draw", str(prefix)])
    assert "\n" not in caught.value.code


def test_the_served_calendar_is_the_walls():
    async def now_s() -> float:
        return wall_epoch_s() + asyncio.get_running_loop().time()

    assert asyncio.run(now_s()) == pytest.approx(unix_time_s(), abs=5)
