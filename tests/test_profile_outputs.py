"""What a profile tells platforms, and the tolerances of a re-run."""

import dataclasses

import pytest

from gpu_metrics.errors import ProfileError
from tests.small_profile import GOOD, parse


def test_outputs_have_the_names_and_values_that_a_platform_knows():
    outputs = parse(GOOD + '[outputs]\nScore = "total"\n"Norm(fine)" = "fine ** 0.5"\n').outputs
    assert list(outputs) == ["Score", "Norm(fine)"]
    assert outputs["Norm(fine)"].evaluate({"fine": 0.25}) == 0.5


def test_outputs_are_the_ranked_value_and_the_measures_unless_a_profile_says_more():
    outputs = parse(GOOD).outputs
    assert {name: expression.text for name, expression in outputs.items()} == {
        name: name for name in ("total", "error", "psnr_person", "lpips_person")
    }


def test_tolerances_are_told_from_printed_digits_and_plausible_ranges():
    tolerances = parse(GOOD).tolerances
    assert dataclasses.astuple(tolerances.score) == (0.001, 0.01)
    assert dataclasses.astuple(tolerances.measures["psnr_person"]) == pytest.approx((0.0055, 0.055))
    assert tolerances.images == 0.1


def test_tolerances_may_be_stated():
    tolerances = parse(
        GOOD
        + "[verify]\nimages = 0\nscore = { match = 0, minor = 2 }\n"
        + "measures.error = { match = 0.1, minor = 0.1 }\n"
    ).tolerances
    assert dataclasses.astuple(tolerances.score) == (0.0, 2.0)
    assert dataclasses.astuple(tolerances.measures["error"]) == (0.1, 0.1)
    assert tolerances.measures["psnr_person"] == parse(GOOD).tolerances.measures["psnr_person"]
    assert tolerances.images == 0.0


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ('[outputs]\nScore = "fine"', "first output must be total, which ranks"),
        ('[outputs]\nScore = "totl"', "Score: unknown name 'totl'.*did you mean 'total'"),
        ('[outputs]\n"A b" = "total"', "the name of an output must match"),
        ("[outputs]\nScore = 3", "Score: expected a string, got 3"),
        ('[outputs]\nScore = "total"\nX = "1 / (total - total)"', "X: .* has no value where"),
        ("[verify]\ntotal = 1", "unknown key 'total'; expected score, images, measures"),
        ("[verify]\nimages = 2", "images is a share and must lie in 0..1, got 2"),
        ("[verify]\nscore = { match = 1 }", "missing key 'minor'"),
        ("[verify]\nscore = { match = 1, minor = 0.5 }", "0 <= match <= minor, got 1 and 0.5"),
        ("[verify.measures]\npsnr = {}", "unknown key 'psnr'; expected error, psnr_person, lpips"),
    ],
)
def test_outputs_and_tolerances_are_read_strictly(tables, message):
    with pytest.raises(ProfileError, match=message):
        parse(GOOD + tables + "\n")
