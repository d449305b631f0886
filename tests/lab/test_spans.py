"""Lanes, depths and cover of spans, against their definitions on small time grids."""

from hypothesis import given
from hypothesis import strategies as st

from labtools.lab.spans import covered_s, depths, in_order, lanes
from labtools.records import Span


@st.composite
def traces(draw, within=False):
    """Spans on a grid of whole seconds. A child begins inside its parent; `within`: ends there."""
    spans = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        parent = draw(st.sampled_from([None, *spans]))
        low, high = (parent.started_at, parent.ended_at) if parent else (0, 12)
        start = draw(st.integers(int(low), int(high)))
        end = draw(st.integers(start, int(high) if within else 14))
        spans.append(Span(number, f"s{number}", "group", start, end, parent.id if parent else None))
    # Identifiers are given as spans begin.
    ranked = sorted(spans, key=lambda span: (span.started_at, span.id))
    new_id = {span.id: rank for rank, span in enumerate(ranked, start=1)}
    renamed = [
        Span(new_id[s.id], s.name, s.kind, s.started_at, s.ended_at, new_id.get(s.parent_id))
        for s in spans
    ]
    return draw(st.permutations(renamed))


def nests_or_follows(one, other):
    inside = one.started_at <= other.started_at and other.ended_at <= one.ended_at
    around = other.started_at <= one.started_at and one.ended_at <= other.ended_at
    return inside or around or one.ended_at <= other.started_at or other.ended_at <= one.started_at


@given(traces())
def test_spans_in_one_lane_nest_or_follow(spans):
    lane = lanes(spans)
    for one in spans:
        for other in spans:
            if one.id != other.id and lane[one.id] == lane[other.id]:
                assert nests_or_follows(one, other), (one, other)


def test_a_child_that_outlives_its_parent_gets_a_lane_of_its_own():
    group = Span(1, "group", "group", 0, 2)
    child = Span(2, "child", "tool", 1, 3, parent_id=1)
    assert lanes([child, group]) == {1: 0, 2: 1}


def test_concurrent_children_share_out_the_lanes_and_a_later_one_returns():
    spans = [
        Span(1, "group", "group", 0, 10),
        Span(2, "a", "tool", 0, 4, parent_id=1),
        Span(3, "b", "tool", 0, 3, parent_id=1),
        Span(4, "c", "tool", 1, 2, parent_id=1),
        Span(5, "d", "tool", 5, 6, parent_id=1),
    ]
    assert lanes(spans) == {1: 0, 2: 0, 3: 1, 4: 2, 5: 0}


@given(traces(within=True))
def test_a_sequence_of_nested_spans_needs_one_lane_only(spans):
    concurrent = any(
        one.started_at < other.ended_at and other.started_at < one.ended_at
        for one in spans
        for other in spans
        if one.id != other.id and not related(one, other, spans)
    )
    if not concurrent:
        assert set(lanes(spans).values()) == {0}


def related(one, other, spans):
    return other.id in ancestors(one, spans) or one.id in ancestors(other, spans)


def ancestors(span, spans):
    by_id = {s.id: s for s in spans}
    found = set()
    while span.parent_id is not None:
        found.add(span.parent_id)
        span = by_id[span.parent_id]
    return found


@given(traces())
def test_depth_counts_the_ancestors(spans):
    assert depths(spans) == {span.id: len(ancestors(span, spans)) for span in spans}


def test_a_parent_that_is_not_there_counts_for_nothing():
    orphan = Span(2, "orphan", "tool", 0, 1, parent_id=1)
    assert depths([orphan]) == {2: 0}
    assert lanes([orphan]) == {2: 0}


@given(traces())
def test_order_is_by_start_and_parents_come_first(spans):
    ordered = in_order(spans)
    assert [s.started_at for s in ordered] == sorted(s.started_at for s in spans)
    seen = set()
    for span in ordered:
        assert span.parent_id is None or span.parent_id in seen
        seen.add(span.id)


@given(traces())
def test_covered_time_is_the_number_of_seconds_in_which_something_runs(spans):
    covered = {
        second for span in spans for second in range(int(span.started_at), int(span.ended_at))
    }
    assert covered_s(spans) == len(covered)


def test_nothing_covers_nothing():
    assert covered_s([]) == 0
