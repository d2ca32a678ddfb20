import cv2
import numpy as np
import pytest
import torch
from skimage.color import rgb2lab, rgb2ycbcr, rgb2yuv

from gpu_metrics.color import as_color, lab, lab8, srgb_to_linear_table
from gpu_metrics.errors import InputError


def planes_of_all_colors():
    """All 16,777,216 colors, one 4096 x 4096 image in 8 bands."""
    codes = torch.arange(1 << 24, dtype=torch.int32).view(8, 512, 4096)
    for band in codes:
        yield torch.stack([band >> 16, (band >> 8) & 255, band & 255]).to(torch.uint8)[None]


def test_lab8_equals_opencv_for_every_color(device):
    for image in planes_of_all_colors():
        expected = cv2.cvtColor(np.ascontiguousarray(image[0].movedim(0, -1)), cv2.COLOR_RGB2Lab)
        actual = lab8(image.to(device))[0].movedim(0, -1)
        assert np.array_equal(actual.cpu(), expected)


def test_linear_light_spans_its_scale():
    table = srgb_to_linear_table()
    assert (table[0], table[255]) == (0, 2040)
    assert (table.diff() >= 0).all()


def test_lab_agrees_with_scikit_image(image_pair, device):
    x, _ = image_pair((2, 3, 17, 40))

    actual = lab(x.to(device)).cpu()

    expected = rgb2lab(x.movedim(1, -1).numpy(), channel_axis=-1)
    # same constants in float64, powers of other libraries; the worst measured is 1.1e-13
    np.testing.assert_allclose(actual.movedim(1, -1), expected, rtol=0, atol=5e-13)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_lab_of_short_floats_is_computed_in_float64(image_pair, dtype):
    x, _ = image_pair((1, 3, 17, 40), dtype=dtype)
    assert torch.equal(lab(x), lab(x.double()))


def test_luma_agrees_with_scikit_image(image_pair):
    x, _ = image_pair((1, 3, 9, 14))
    luma, white = as_color(x, "luma")
    expected = rgb2yuv(x[0].movedim(0, -1).numpy())[..., 0]
    # both in float64, weights in thousandths or as fractions; the worst measured is 2e-16
    np.testing.assert_allclose(luma[0, 0] / white, expected, rtol=1e-15)


def test_studio_luma_agrees_with_scikit_image(image_pair):
    x, _ = image_pair((1, 3, 9, 14), dtype=torch.uint8)
    luma, white = as_color(x, "y")
    expected = rgb2ycbcr(x[0].movedim(0, -1).numpy())[..., 0]
    # both in float64, scaled in other places; the worst measured is 2e-16
    np.testing.assert_allclose(255 * luma[0, 0] / white, expected, rtol=1e-15)


@pytest.mark.parametrize(("dtype", "one"), [(torch.uint8, 255), (torch.float64, 1.0)])
def test_white_and_black_have_their_published_values(dtype, one):
    white = torch.full((1, 3, 1, 1), one, dtype=dtype)
    for color, bright, dark in [("rgb", 1, 0), ("luma", 1, 0), ("y", 235 / 255, 16 / 255)]:
        value, scale = as_color(white, color)
        assert (value / scale == bright).all()
        value, scale = as_color(white * 0, color)
        assert (value / scale == dark).all()


def test_grey_images_have_one_color(image_pair):
    x, _ = image_pair((1, 1, 9, 14))
    for color in ("rgb", "luma", "y"):
        value, white = as_color(x, color)
        assert white == 1
        assert torch.equal(value, x)


def test_luma_of_bytes_is_a_whole_number_of_thousandths(image_pair):
    x, _ = image_pair((1, 3, 9, 14), dtype=torch.uint8)
    red, green, blue = x[0].long()
    luma, _ = as_color(x, "luma")
    assert torch.equal(luma[0, 0], (299 * red + 587 * green + 114 * blue).double())


def test_rejects_unknown_color():
    with pytest.raises(InputError, match="color: expected 'rgb', 'luma' or 'y', got 'yuv'"):
        as_color(torch.zeros(1, 3, 2, 2), "yuv")
