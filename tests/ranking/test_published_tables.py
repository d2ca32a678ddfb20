import numpy as np
import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.profiles import load_profile
from gpu_metrics.ranking.published import read_published

OFFICIAL = load_profile("raim2026-flash-portrait")

# NTIRE 2026 RAIM Track 3, the rows of Table 1 that have terms and two that have none
TABLE_1 = """\
team,LPIPS_person,dE_person,GlobalScore,Score
nunucccb,0.0266,7.19,0.7843,86.10
nanbei,-,-,-,85.21
SHL,0.0268,6.83,0.7416,84.91
kiritobryant,-,-,-,84.90
hezhaokun,0.0270,6.75,0.7388,84.88
KC110,0.0284,8.07,0.7647,84.33
NJUST-KMG,0.0315,6.88,0.7293,83.70
zte_cv,0.0312,7.04,0.7209,83.41
"""


def write_table(folder, text):
    path = folder / "table.csv"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def read(tmp_path):
    return lambda text: read_published(write_table(tmp_path, text), OFFICIAL)


def test_titles_of_a_leaderboard_are_understood(read):
    table = read(TABLE_1)
    assert table.teams[:2] == ("nunucccb", "SHL")
    assert table.incomplete == ("nanbei", "kiritobryant")
    assert set(table.terms) == {"lpips_person", "delta_e_person", "global_score"}
    assert table.terms["delta_e_person"][0] == 7.19
    assert table.score[-1] == 83.41


def test_digits_tell_the_rounding(read):
    table = read("global_score,lpips_person,delta_e_person,total\n0.70,3e-2,7,80.120\n")
    np.testing.assert_allclose(table.halves["global_score"], 0.005)
    np.testing.assert_allclose(table.halves["lpips_person"], 0.005)
    np.testing.assert_allclose(table.halves["delta_e_person"], 0.5)
    np.testing.assert_allclose(table.score_half, 0.0005)
    assert table.teams == ("line 2",)


def test_columns_that_nothing_depends_on_may_be_empty(read):
    """Where the global score is printed, PSNR and SSIM behind it are not needed."""
    table = read(
        "who,psnr_bg,global_score,lpips_person,delta_e_person,total,remark\n"
        "a,-,0.7,0.03,7.0,80.1,fine\n"
    )
    assert (table.teams, table.incomplete) == (("a",), ())
    assert "psnr_bg" not in table.terms


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected columns for total and for terms of it, among LPIPS_person.*; got nothing"),
        ("team,Score\na,80\n", "expected columns for total and for terms of it"),
        ("team,LPIPS_person\na,0.1\n", "expected columns for total"),
        ("team,LPIPS_person,Score\na,0.1,80\n", "expected columns for total and for terms"),
        (TABLE_1 + "x,1,2\n", "line 10: expected 5 cells"),
        (TABLE_1.replace("86.10", "86.1O"), "line 2: expected a number, got '86.1O'"),
        (TABLE_1.replace("86.10", "inf"), "line 2: expected a number, got 'inf'"),
    ],
)
def test_refuses(read, text, message):
    with pytest.raises(InputError, match=f"table.csv.*{message}"):
        read(text)


def test_a_file_must_be_there(tmp_path):
    with pytest.raises(InputError, match="absent.csv: cannot be read"):
        read_published(tmp_path / "absent.csv", OFFICIAL)
