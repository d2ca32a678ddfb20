"""Images handed over as arrays: any memory layout, one meaning; anything else is refused."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_metrics.errors import InputError
from gpu_metrics.images import picture_of
from tests.intake.files import photo

LAYOUTS = {
    "rows upside down": lambda a: a[::-1].copy()[::-1],
    "columns backwards": lambda a: a[:, ::-1].copy()[:, ::-1],
    "BGR seen backwards": lambda a: a[..., ::-1].copy()[..., ::-1],
    "every other column": lambda a: a.repeat(2, axis=1)[:, ::2],
    "Fortran order": np.asfortranarray,
    "planes": lambda a: a.transpose(2, 0, 1).copy().transpose(1, 2, 0),
    "crop of a larger one": lambda a: np.pad(a, ((2, 3), (1, 4), (0, 0)))[2:-3, 1:-4],
    "big-endian": lambda a: a.astype(">u1"),
    "one row for all": lambda a: np.broadcast_to(a[:1], a.shape),
}


@given(
    layout=st.sampled_from([*LAYOUTS]),
    sides=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    writable=st.booleans(),
)
def test_any_layout_is_the_same_image(layout, sides, writable):
    held = LAYOUTS[layout](photo(*sides))
    if held.flags.writeable:
        held.flags.writeable = writable
    picture = picture_of(held)
    np.testing.assert_array_equal(picture.pixels.permute(1, 2, 0), held)
    assert picture.sha256 == hashlib.sha256(held.tobytes()).hexdigest()


@pytest.mark.parametrize("dtype", [">u2", "<u2", "i1", "?", "f4", ">f8", "c8", "O", "S3"])
def test_other_numbers_are_refused_with_their_name(dtype):
    held = np.zeros((4, 5, 3), dtype)
    with pytest.raises(InputError) as caught:
        picture_of(held)
    assert str(caught.value) == (
        f"expected a uint8 RGB image (H, W, 3), got {held.dtype} (4, 5, 3)"
    )
