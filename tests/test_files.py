"""Files that stay readable: a torn line, a full disk, a file that is replaced whole."""

import resource

import pytest

from labtools.errors import ConfigurationError
from labtools.files import append_line, mend_end, read_lines, write_whole


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lines.jsonl"


@pytest.fixture
def at_most():
    """Files of this process may grow to so many bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def values(path):
    return [values for _, values in read_lines(path)]


def test_lines_come_back_with_their_numbers(path):
    append_line(path, {"a": "é\n"})
    append_line(path, {"b": 1.5})
    assert list(read_lines(path)) == [(1, {"a": "é\n"}), (2, {"b": 1.5})]


def test_a_short_write_is_an_error_and_leaves_whole_lines(path, at_most):
    for number in range(3):
        append_line(path, {"n": number})
    at_most(path.stat().st_size + 5)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"Cannot write to .*lines\.jsonl: File too"):
            append_line(path, {"n": "x" * 20})
    at_most(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    append_line(path, {"n": 3})
    assert [line["n"] for line in values(path)] == [0, 1, 2, 3]


def test_no_line_holds_what_json_has_no_word_for(path):
    with pytest.raises(ValueError, match="JSON"):
        append_line(path, {"seconds": float("nan")})
    assert not path.exists()


@pytest.mark.parametrize("torn", ['{"c": ', '{"c', "{", '"'])
def test_a_torn_last_line_is_left_out_and_mended(path, torn):
    path.write_text('{"a": 1}\n{"b": 2}\n' + torn)
    assert values(path) == [{"a": 1}, {"b": 2}]
    mend_end(path)
    append_line(path, {"d": 4})
    assert values(path) == [{"a": 1}, {"b": 2}, {"d": 4}]


def test_a_last_line_that_lacks_only_its_end_stays(path):
    path.write_text('{"a": 1}\n{"b": 2}')
    mend_end(path)
    append_line(path, {"c": 3})
    assert values(path) == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{torn", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[1]", r"it is \[1\], no JSON object"),
    ],
)
def test_a_broken_line_is_named_with_its_file(path, line, said):
    path.write_bytes(b'{"a": 1}\n\n' + line + b"\n{}\n")
    with pytest.raises(ConfigurationError, match=rf"lines\.jsonl, line 3: {said}"):
        list(read_lines(path))


def test_what_is_not_there_cannot_be_read(path):
    with pytest.raises(ConfigurationError, match="Cannot read"):
        list(read_lines(path))
    mend_end(path)
    assert not path.exists()


def test_a_file_is_the_old_one_until_it_is_the_new_one(path, at_most):
    write_whole(path, "old")
    at_most(2)
    with pytest.raises(ConfigurationError, match="File too large"):
        write_whole(path, "a newer one")
    at_most(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    assert path.read_text() == "old"
    assert [file.name for file in path.parent.iterdir()] == ["lines.jsonl"]
    assert write_whole(str(path), "é").read_text(encoding="utf-8") == "é"


def test_what_a_link_points_to_is_written_and_so_is_a_device(path):
    link = path.with_name("link")
    link.symlink_to(path)
    write_whole(link, "through the link")
    assert link.is_symlink()
    assert path.read_text() == "through the link"
    write_whole("/dev/null", "nothing")
    for nowhere in (path.parent, path / "under a file", path.parent / "no folder" / "x"):
        with pytest.raises(ConfigurationError, match="irectory"):
            write_whole(nowhere, "x")
