"""Profiles by name and from files: the same fields either way, and errors that name the place."""

import json
from dataclasses import asdict

import pytest

from labtools.errors import ConfigurationError
from labtools.model.named_profiles import FAST, NAMED, SLOW, load_profiles, named_profile
from labtools.model.profile import LatencyProfile, PrefixCache, Prices, RateLimits

TOML = """
[mine]
source = "measured on Tuesday – über VPN"
decode_tokens_per_s = 75
overhead_s = 0.2
prefill_tokens_per_s = inf
max_batch = 16

[mine.prefix_cache]
minimum_tokens = 512

[mine.rate_limits]
requests_per_minute = 500

[mine.prices]
input_usd_per_million = 0.5
output_usd_per_million = 1.5

[other]
decode_tokens_per_s = 10.5
"""
MINE = LatencyProfile(
    "mine",
    75,
    source="measured on Tuesday – über VPN",
    overhead_s=0.2,
    max_batch=16,
    prefix_cache=PrefixCache(minimum_tokens=512),
    rate_limits=RateLimits(requests_per_minute=500),
    prices=Prices(input_usd_per_million=0.5, output_usd_per_million=1.5),
)


def write(tmp_path, text, name="profiles.toml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(path):
    with pytest.raises(ConfigurationError) as caught:
        load_profiles(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_named_profiles_are_found_by_their_name():
    assert named_profile("fast") is FAST
    assert named_profile("slow") is SLOW
    assert all(profile.name == name and profile.source for name, profile in NAMED.items())


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"Unknown profile: 'warp'.*fast.*slow"):
        named_profile("warp")


def test_a_toml_file(tmp_path):
    profiles = load_profiles(write(tmp_path, TOML))
    assert profiles == {"mine": MINE, "other": LatencyProfile("other", 10.5)}


def test_a_json_file_says_the_same(tmp_path):
    fields = {**asdict(MINE), "prefill_tokens_per_s": float("inf")}
    path = write(tmp_path, json.dumps({"mine": fields}), "profiles.json")
    assert load_profiles(str(path)) == {"mine": MINE}


@pytest.mark.parametrize("profile", NAMED.values(), ids=str)
def test_every_named_profile_survives_a_file(tmp_path, profile):
    path = write(tmp_path, json.dumps({profile.name: asdict(profile)}), "profiles.json")
    assert load_profiles(path) == {profile.name: profile}


def test_a_file_is_utf_8_whatever_the_readers_locale_is(tmp_path, monkeypatch):
    path = write(tmp_path, TOML)
    original = type(path).read_text

    def reading_in_ascii(self, encoding=None, errors=None):
        return original(self, encoding or "ascii", errors)

    monkeypatch.setattr(type(path), "read_text", reading_in_ascii)
    assert load_profiles(path)["mine"] == MINE


def test_a_file_that_is_not_there(tmp_path):
    assert "No such file" in refused(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.toml", "[mine"),
        ("p.toml", '{"mine": {}}'),
        ("p.json", "[mine]\nx = 1"),
        ("p.json", ""),
        ("p.json", b"\xff\xfe\xff"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, name, text):
    assert "Cannot read " in refused(write(tmp_path, text, name))


@pytest.mark.parametrize("text", ["{}", "[]", "5", "null"])
def test_a_file_without_profiles(tmp_path, text):
    assert "needs a table for each" in refused(write(tmp_path, text, "p.json"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ["decode_tokens_per_s"]),
        ({"decode_tokens_per_s": 5, "ttft": 1}, ["ttft"]),
        ({"decode_tokens_per_s": "quick"}, ["decode_tokens_per_s", "'quick'"]),
        ({"decode_tokens_per_s": -5}, ["decode_tokens_per_s", "above 0", "-5"]),
        ({"decode_tokens_per_s": 5, "max_batch": 0.5}, ["max_batch"]),
        ({"decode_tokens_per_s": 5, "prefix_cache": {"ttl": 5}}, ["prefix_cache.ttl"]),
        ({"decode_tokens_per_s": 5, "prefix_cache": {"ttl_s": -5}}, ["prefix_cache", "ttl_s"]),
        ({"decode_tokens_per_s": 5, "prices": 3}, ["prices"]),
        (5, ["profile"]),
        ([], ["profile"]),
    ],
)
def test_a_wrong_field_is_named_with_its_profile(tmp_path, fields, said):
    message = refused(write(tmp_path, json.dumps({"mine": fields}), "p.json"))
    for part in ["profile 'mine'", *said]:
        assert part in message
