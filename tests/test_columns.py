import pytest

from gpu_metrics.errors import ProfileError
from gpu_metrics.profiles import Column, load_profile, parse_profile, profile_names
from tests.test_score import SMALL


def with_columns(*lines):
    return parse_profile("\n".join([SMALL.text, "[columns]", *lines]), where="small.toml")


def test_columns_keep_their_order_and_leave_the_digest():
    profile = with_columns(
        'total = { title = "Score", digits = 1 }', 'root = { title = "√", digits = 3 }'
    )
    assert list(profile.columns.items()) == [
        ("total", Column("Score", 1)),
        ("root", Column("√", 3)),
    ]
    assert profile.digest == SMALL.digest


def test_without_columns_measures_and_the_ranked_value_are_shown():
    assert SMALL.columns == {
        "mse": Column("mse", 4),
        "ssim": Column("ssim", 4),
        "total": Column("total", 2),
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('totl = { title = "x", digits = 1 }', "unknown column 'totl'.*did you mean 'total'"),
        ('root = { title = "x", digits = 1 }', "expected a column for total, which ranks"),
        ('total = { title = "x" }', "total: missing key 'digits'"),
        ('total = { title = "", digits = 1 }', "total: title must match"),
        ('total = { title = "x", digits = 16 }', "total: digits must lie in 0..15, got 16"),
        ('total = "Score"', "total: expected a table, got 'Score'"),
    ],
)
def test_refuses(line, message):
    with pytest.raises(ProfileError, match=rf"small.toml, \[columns\].*{message}"):
        with_columns(line)


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_carries_the_text_it_was_read_from(name):
    profile = load_profile(name)
    assert parse_profile(profile.text, where="again") == profile
