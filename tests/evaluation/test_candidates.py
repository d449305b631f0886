"""Which endpoints are measured, from what was typed; what was typed stays as it was."""

from argparse import Namespace

from labtools.evaluation.candidates import candidates_of


def test_a_key_for_all_is_each_ones_and_the_options_are_left_alone(monkeypatch):
    monkeypatch.setenv("ACME_KEY", "sk-of-acme")
    options = Namespace(
        base_url=["sim", "mock"], model=["fast", "slow"], name=["a", "b"], key_from=["ACME_KEY"]
    )
    for _ in range(2):  # the same from the same options
        found = candidates_of(options)
        assert [(one.name, one.key_from) for one in found] == [("a", "ACME_KEY"), ("b", "ACME_KEY")]
    assert options.key_from == ["ACME_KEY"]
