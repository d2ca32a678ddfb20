"""The scaling benchmark runs on tiny inputs, and its record holds a row for every setting."""

import pytest

from benchmarks import scaling

pytestmark = pytest.mark.weights


def test_scaling(record):
    found = record(
        scaling.main,
        *("--device", "cpu", "--rounds", "1", "--images", "1", "--side", "64"),
        *("--submissions", "1", "3", "--megapixels", "0.01", "--threads", "1", "2"),
    )
    assert [row["submissions"] for row in found["submissions"]] == [1, 3]
    assert all(row["resident_megabytes"] > 50 for row in found["submissions"])
    assert [row["megapixels"] for row in found["megapixels"]] == [0.01]
    assert [row["threads"] for row in found["threads"]] == [1, 2]
    assert [row["what"] for row in found["kept"]] == [
        *("reference kept", "nothing kept", "reference kept, rows written", "rows known")
    ]
    assert [row["what"] for row in found["order"]] == [
        "one by one, reference kept",
        "one by one, nothing kept",
        "image by image, nothing kept",
    ]
    for part in ("megapixels", "threads", "kept", "order"):
        assert all(row["images_per_second"] > 0 for row in found[part])
