import itertools
import math
import subprocess
import sys
from importlib.resources import files

import pytest

from gpu_metrics.profiles import load_profile, profile_names

NAMES = profile_names()
OFFICIAL = "raim2026-flash-portrait"


def test_every_shipped_profile_bears_its_file_name():
    assert len(NAMES) == 11
    assert [load_profile(name).name for name in NAMES] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_path_loads_like_a_name(name, tmp_path):
    source = files("gpu_metrics.profiles").joinpath(f"{name}.toml").read_text("utf-8")
    path = tmp_path / "copy.toml"
    path.write_text(source, "utf-8")

    assert load_profile(path).digest == load_profile(str(path)).digest == load_profile(name).digest


def test_digest_of_the_official_profile_is_unchanged_or_every_earlier_ranking_is_void():
    expected = "92164ac10e048039096eb6a92b62d3fbe632cee5a8149cec5866d455ac15506a"
    assert load_profile(OFFICIAL).digest == expected


@pytest.mark.parametrize("name", NAMES)
def test_typical_values_are_plausible(name):
    profile = load_profile(name)
    for measure in profile.measures.values():
        low, high = measure.catalogued.plausible
        assert low < profile.typical[measure.name] < high


@pytest.mark.parametrize("name", NAMES)
def test_no_submission_can_break_a_shipped_formula(name):
    profile = load_profile(name)
    edges = {"psnr": [0.0, 100.0], "ssim": [-1.0, 1.0], "mse": [0.0, 1.0], "delta_e": [0.0, 500.0]}
    ranges = [edges.get(m.metric, [0.0, 5.0]) for m in profile.measures.values()]
    for corner in itertools.product(*ranges):
        values = dict(zip(profile.measures, corner, strict=True))
        for assignment, expression in profile.formula.items():
            values[assignment] = expression.evaluate(values)
        assert math.isfinite(values["total"])


def test_profiles_load_without_torch_or_numpy():
    code = (
        "import sys; from gpu_metrics import explain, profiles, score; "
        f"profiles.load_profile({OFFICIAL!r}); "
        "print(*sorted({'torch', 'numpy', 'cv2'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("\n", "")
