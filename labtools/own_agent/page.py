"""The report on a trace as a page of its own, without a request to anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from labtools.own_agent.report import Report, Step, sentences

# Okabe and Ito's colours, a meaning each as in the book.
_COLOURS = {"llm": "#0072B2", "tool": "#009E73", "human": "#999999", "retry": "#D55E00"}
_MOST = 500  # steps that are drawn

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }}
pre {{ white-space: pre-wrap; }}
.row {{ display: grid; grid-template-columns: 14rem 1fr; gap: .5rem; font-size: .85rem; }}
.row span {{ overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.bar {{ height: 1rem; margin-block: .15rem; min-width: 1px; }}
.off {{ opacity: .45; }}
</style>
<h1>{title}</h1>
<pre>{text}</pre>
<h2>When</h2>
<p>Each row is a step; what is not on the critical path is pale. {legend}</p>
<div role="img" aria-label="{alt}">
{rows}
</div>
</html>
"""


def page(report: Report) -> str:
    """The whole page."""
    title = f"{report.file}: {report.duration_s:.3f} s on {report.endpoint}"
    legend = "; ".join(
        f'<span style="color:{colour}">&#9632;</span> {kind}' for kind, colour in _COLOURS.items()
    )
    drawn = [step for step in report.steps if step.kind != "group"]
    left_out = f" The first {_MOST} of {len(drawn):,} steps." if len(drawn) > _MOST else ""
    return _PAGE.format(
        title=escape(title),
        text=escape("\n".join(sentences(report))),
        legend=legend + left_out,
        alt=escape(f"Timeline of {len(drawn)} steps over {report.duration_s:.1f} seconds"),
        rows="\n".join(_rows(drawn[:_MOST], report.duration_s)),
    )


def _rows(steps: Iterable[Step], duration_s: float) -> Iterable[str]:
    for step in steps:
        whole = duration_s or 1.0
        left, width = step.started_at / whole, (step.ended_at - step.started_at) / whole
        pale = "" if step.on_path_s else " off"
        said = escape(f"{step.name}, {step.ended_at - step.started_at:.3f} s")
        yield (
            f'<div class="row"><span title="{said}">{said}</span><div class="bar{pale}" '
            f'style="margin-left:{left:.3%};width:{width:.3%};'
            f'background:{_COLOURS.get(step.kind, "#999999")}"></div></div>'
        )
