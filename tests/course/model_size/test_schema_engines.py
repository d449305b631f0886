"""The engines' figures become the profile that a stopwatch then reads."""

import pytest

from labtools import connect
from labtools.course.model_size.backends import SCHEMA_ENGINES, bound_by, slowdown
from labtools.model.named_profiles import FAST, SLOW

SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "s", "schema": {"type": "object", "properties": {}}},
}


def test_the_slowdown_is_the_mask_over_the_step():
    slow = SCHEMA_ENGINES["llama.cpp"]
    assert slowdown(slow, FAST) == pytest.approx((0.005 + 0.016565) / 0.005)
    assert slowdown(slow, SLOW) == pytest.approx((1 / 60 + 0.016565) * 60)


@pytest.mark.parametrize("name", SCHEMA_ENGINES)
def test_a_stopwatch_reads_the_compile_time_once_and_the_masks_always(name):
    engine = SCHEMA_ENGINES[name]

    async def three(lab):
        free = await lab.call("free", output_tokens=40)
        bound = [
            await lab.call("bound", output_tokens=40, response_format=SCHEMA) for _ in range(2)
        ]
        return [free, *bound]

    with connect("sim", profile=bound_by(engine, FAST)) as lab:
        free, cold, warm = lab.run(three(lab)).result
    assert cold.ttft_s - warm.ttft_s == pytest.approx(engine.compile_p50_s, abs=1e-6)
    assert warm.ttft_s == pytest.approx(FAST.ttft_s(warm.input_tokens), abs=1e-6)
    assert warm.decode_s - free.decode_s == pytest.approx(40 * engine.mask_mean_s, rel=1e-4)


def test_the_profile_says_where_its_figures_are_from():
    source = bound_by(SCHEMA_ENGINES["XGrammar"], FAST).source
    assert FAST.source in source
    assert "MaskBench" in source
    assert "Assumed" in source
