import csv
import io
import json

import pytest

from tests.engine.conftest import run_cli  # noqa: F401 - a fixture
from tests.ranking.test_published_tables import TABLE_1, write_table

SHARPNESS = "sharpness = raw_lpips.2 + raw_delta_e.2 + raw_global.2"


@pytest.fixture
def call(run_cli, tmp_path):  # noqa: F811
    table = write_table(tmp_path, TABLE_1)
    return lambda *arguments: run_cli("calibrate", table, *arguments)


def test_the_two_rows_of_table_1_are_shown(call):
    outcome = call("--format", "csv")
    titles, *rows = csv.reader(io.StringIO(outcome.out))
    assert titles == ["team", "printed", "released", "difference", "rounding", "explained"]
    assert {row[0] for row in rows if row[-1] == "no"} == {"hezhaokun", "KC110"}
    assert rows[2] == ["hezhaokun", "84.88", "84.8252", "-0.0548", "0.0171", "no"]
    assert "note: the released constants explain 4 of 6 complete rows\n" in outcome.err
    assert "note: incomplete rows, passed over: nanbei, kiritobryant\n" in outcome.err
    assert "raw_lpips.2 = 2," in outcome.err


def test_constants_are_shown_with_their_intervals(call):
    outcome = call("--free", SHARPNESS)
    assert outcome.code == 0
    (line,) = (line.split() for line in outcome.out.splitlines() if "sharpness" in line)
    assert line[1:5] == ["raw_lpips.2", "raw_delta_e.2", "raw_global.2", "2"]
    assert float(line[6]) < 2 < float(line[8])


def test_what_cannot_be_known_is_said(call):
    outcome = call("--free", "raw_lpips.1, raw_delta_e.1, raw_global.1")
    assert outcome.out.count("open .. open") == 3
    assert "note: 4 rows know 2 combinations of 3 constants\n" in outcome.err
    assert "not identifiable from this table: raw_lpips.1, raw_delta_e.1, raw_gl" in outcome.err


def test_programs_read_all_of_it(call):
    document = json.loads(call("--free", "total.1", "--format", "json").out)
    assert document["used"] == ["nunucccb", "SHL", "NJUST-KMG", "zte_cv"]
    (constant,) = document["constants"]
    assert constant["free"] == {"name": "total.1", "places": ["total.1"], "value": 30.0}
    assert constant["low"] < 30 < constant["high"] and constant["identified"]
    assert [row["fits"] for row in document["rows"]].count(False) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--free", "totl.1"], "free: no constant stands at 'totl.1'"),
        (["--profile", "clic2021"], "expected columns for total and for terms of it, among mse"),
        (["--profile", "absent.toml"], "absent.toml: cannot be read"),
    ],
)
def test_wrong_use_is_told(call, arguments, message):
    outcome = call(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
