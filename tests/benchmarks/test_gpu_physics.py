"""The decoder that the GPU's benchmark times is Llama's, and the benchmark runs on a CPU."""

import json

import pytest

torch = pytest.importorskip("torch", reason="torch is no dependency: pip install torch")

import gpu_physics  # noqa: E402
from gpu_decoder import SHAPES, Decoder, PromptPart  # noqa: E402

TINY = SHAPES["tiny"]


@pytest.fixture
def decoder():
    return Decoder(TINY, "cpu", torch.float32, kv_tokens=200, longest=64)


def whole(decoder, tokens):
    return decoder.step(tokens, part=PromptPart(0, len(tokens), len(tokens)))


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_it_computes_what_llama_computes(decoder):
    transformers = pytest.importorskip("transformers", reason="pip install transformers")
    config = transformers.LlamaConfig(
        vocab_size=TINY.vocabulary,
        hidden_size=TINY.width,
        intermediate_size=TINY.inner,
        num_hidden_layers=TINY.layers,
        num_attention_heads=TINY.heads,
        num_key_value_heads=TINY.kv_heads,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
        tie_word_embeddings=False,
    )
    llama = transformers.LlamaForCausalLM(config).eval()
    heads, kv_heads = TINY.heads * TINY.head_width, TINY.kv_heads * TINY.head_width
    weights = {
        "model.embed_tokens.weight": decoder.embedding,
        "model.norm.weight": decoder.norm_last,
        "lm_head.weight": decoder.head,
    }
    for number, layer in enumerate(decoder.layers):
        queries, keys, values = layer["qkv"].split([heads, kv_heads, kv_heads])
        gate, up = layer["up"].chunk(2)
        names = {
            "input_layernorm": layer["norm_in"],
            "self_attn.q_proj": queries,
            "self_attn.k_proj": keys,
            "self_attn.v_proj": values,
            "self_attn.o_proj": layer["out"],
            "post_attention_layernorm": layer["norm_up"],
            "mlp.gate_proj": gate,
            "mlp.up_proj": up,
            "mlp.down_proj": layer["down"],
        }
        weights |= {f"model.layers.{number}.{name}.weight": w for name, w in names.items()}
    llama.load_state_dict(weights)
    tokens = decoder.tokens(20)
    with torch.inference_mode():
        expected = llama(tokens[None]).logits[0, -1:]
    close(whole(decoder, tokens), expected)


def test_the_weights_are_as_many_as_the_shape_says(decoder):
    held = [decoder.embedding, decoder.norm_last, decoder.head]
    held += [weight for layer in decoder.layers for weight in layer.values()]
    assert sum(weight.numel() for weight in held) == TINY.parameters


@pytest.mark.parametrize(("name", "parameters"), [("8B", 8_030_261_248), ("13B", 13_015_864_320)])
def test_a_shape_has_the_published_number_of_weights(name, parameters):
    assert SHAPES[name].parameters == parameters


def test_a_cached_prefix_changes_nothing(decoder):
    tokens = decoder.tokens(20)
    expected = whole(decoder, tokens)
    decoder.step(tokens[:12], part=PromptPart(0, 12, 20))
    close(decoder.step(tokens[12:], part=PromptPart(12, 20, 20)), expected)


def test_a_decode_step_is_the_prompts_next_token(decoder):
    tokens = decoder.tokens(20)
    expected = whole(decoder, tokens)
    decoder.step(tokens[:19], part=PromptPart(0, 19, 20))
    close(decoder.step(tokens[19:], streams=1, context=20), expected)


def test_a_chunk_beside_streams_changes_neither(decoder):
    stream, prompt = decoder.tokens(20), decoder.tokens(16)
    expected = torch.cat((whole(decoder, stream), whole(decoder, prompt)))
    decoder.step(stream[:19], part=PromptPart(0, 19, 20))
    beside = torch.cat((stream[19:], prompt))
    close(decoder.step(beside, 1, 20, PromptPart(0, 16, 16)), expected)


def test_it_runs_small_on_a_cpu(tmp_path):
    out = tmp_path / "found.json"
    limits = ["--small", "--device", "cpu", "--shapes", "tiny", "--out", str(out)]
    gpu_physics.main(limits)
    found = json.loads(out.read_text(encoding="utf-8"))
    kinds = {point["what"] for point in found["points"]}
    assert kinds == {
        *("copy", "product", "decode", "decode_without_graph", "decode_with_cudnn"),
        *("chunk", "beside", "beside_worst_gap", "prefill"),
    }
    assert all(0 < p["least_s"] <= p["median_s"] <= p["most_s"] for p in found["points"])
    assert found["shapes"]["tiny"]["parameters"] == TINY.parameters


def test_what_the_time_does_not_allow_is_listed(tmp_path):
    out = tmp_path / "found.json"
    run = ["--small", "--device", "cpu", "--shapes", "tiny", "--out", str(out)]
    gpu_physics.main([*run, "--time-limit-s", "0"])
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["points"] == []
    assert {left["reason"] for left in found["left_out"]} == {"the limit of 0 s was reached"}
    assert {left["what"] for left in found["left_out"]} > {"decode", "prefill", "chunk"}


def test_an_unknown_shape_names_the_known_ones():
    with pytest.raises(SystemExit, match=r"No shape '7B'\. Shapes: 8B, 13B, 32B, tiny\."):
        gpu_physics.main(["--shapes", "7B"])
