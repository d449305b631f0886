"""Labs are stored with their text outputs and nothing else."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4
from store_outputs import IGNORE_TAG, NotStorable, clean, complaints, run


def lab(*cells: Any, **metadata: Any) -> Any:
    return v4.new_notebook(cells=list(cells), metadata=metadata)


def code(*outputs: Any, tags: tuple[str, ...] = (), **metadata: Any) -> Any:
    extra = {"tags": list(tags)} if tags else {}
    return v4.new_code_cell(
        "1", outputs=list(outputs), execution_count=7, metadata={**extra, **metadata}
    )


def printed(text: str, name: str = "stdout") -> Any:
    return v4.new_output("stream", name=name, text=text)


def shown(**data: str) -> Any:
    return v4.new_output(
        "execute_result",
        data={key.replace("_", "/"): value for key, value in data.items()},
        execution_count=7,
        metadata={"isolated": True},
    )


def test_text_and_tables_are_stored_without_run_counts_and_metadata() -> None:
    cell = code(shown(text_plain="1", text_html="<table></table>"), scrolled=True, collapsed=True)
    stored = clean(
        lab(cell, papermill={"duration": 1}, language_info={"name": "python", "version": "3.11.7"})
    )
    assert set(stored.metadata) == {"kernelspec", "language_info"}
    assert stored.metadata.language_info == {"name": "python"}
    (kept,) = stored.cells
    assert kept.execution_count == 1
    assert kept.metadata == {}
    assert kept.outputs == [
        {
            "output_type": "execute_result",
            "data": {"text/plain": "1", "text/html": "<table></table>"},
            "metadata": {},
            "execution_count": 1,
        }
    ]


def test_pieces_of_one_stream_are_joined() -> None:
    outputs = [printed("a"), printed("b"), printed("c", "stderr"), printed("d")]
    stored = clean(lab(code(*outputs))).cells[0].outputs
    assert [(output.name, output.text) for output in stored] == [
        ("stdout", "ab"),
        ("stderr", "c"),
        ("stdout", "d"),
    ]


def test_tagged_cell_is_stored_without_outputs() -> None:
    cell = code(shown(text_plain="<Figure>", image_png="iVBO"), tags=(IGNORE_TAG, "hide-input"))
    (kept,) = clean(lab(cell)).cells
    assert kept.outputs == []
    assert kept.metadata.tags == [IGNORE_TAG, "hide-input"]


@pytest.mark.parametrize(
    "output",
    [
        shown(text_plain="<Figure>", image_png="iVBO"),
        shown(text_plain="x", text_html="<figure><img src='data:,'></figure>"),
        shown(**{"text_plain": "x", "application_vnd.jupyter.widget-view+json": "{}"}),
    ],
)
def test_untagged_picture_is_refused_and_the_tag_named(output: Any) -> None:
    with pytest.raises(NotStorable, match=f"cell 2 shows .*: give the cell the tag {IGNORE_TAG}"):
        clean(lab(v4.new_markdown_cell("text"), code(output)))


def test_failed_cell_is_refused() -> None:
    error = v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    with pytest.raises(NotStorable, match="cell 1 failed: ValueError: no"):
        clean(lab(code(error)))


def test_cleaning_twice_changes_nothing() -> None:
    once = clean(lab(code(printed("a")), code(tags=(IGNORE_TAG,))))
    assert clean(once) == once
    assert complaints(once) == []


def test_lab_that_is_not_clean_or_compares_nothing_is_complained_of() -> None:
    assert complaints(lab(code(printed("a")))) == [
        "holds counts, metadata or outputs that are not stored"
    ]
    assert complaints(clean(lab(code()))) == ["has no stored output, so nothing in it is compared"]


def test_run_executes_in_the_folder_of_the_lab(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("found", encoding="utf-8")
    path = tmp_path / "lab.ipynb"
    nbformat.write(lab(v4.new_code_cell("print(open('data.txt').read())")), path)
    (cell,) = clean(run(path)).cells
    assert cell.outputs == [{"output_type": "stream", "name": "stdout", "text": "found\n"}]
