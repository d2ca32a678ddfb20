import inspect

import numpy as np
import pytest
import torch
from pictures import SIZES, all_regions, interleaved, noise, pair, region
from skimage.color import deltaE_ciede2000

from gpu_metrics.errors import InputError
from gpu_metrics.kernels.ciede2000 import ciede2000, lab, linear_table
from gpu_metrics.kernels.delta_e import delta_e, delta_e_reference
from gpu_metrics.kernels.fixed_point import STEP


def assert_equal(actual, expected):
    for name, a, e in zip(actual._fields, actual, expected, strict=True):
        assert torch.equal(a, e), f"{name}: {a.tolist()} is not {e.tolist()}"


@pytest.mark.parametrize("formula", ["cie76", "ciede2000"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_matches_twin_under_any_schedule(any_schedule, size, formula):
    x, y, mask = (
        noise(2, *size, seed=1),
        interleaved(noise(2, *size, seed=2)),
        all_regions(2, *size),
    )
    expected = delta_e_reference(x, y, mask, formula=formula)
    assert_equal(any_schedule(delta_e, x, y, mask, formula=formula), expected)


def greys_and_primaries():
    """Colors on both sides of every branch: greys, opposite hues, black, equal pairs."""
    levels = torch.tensor([0, 1, 2, 10, 11, 12, 127, 128, 254, 255])
    greys = levels.repeat(3, 1)
    corners = torch.cartesian_prod(*[torch.tensor([0, 1, 128, 255])] * 3).T
    colors = torch.cat([greys, corners], dim=1).to(torch.uint8)
    return colors[:, :, None].expand(-1, -1, colors.shape[1])[None].contiguous()


def test_matches_twin_on_greys_and_primaries(on_kernel):
    x = greys_and_primaries()
    y, mask = x.mT.contiguous(), region("everywhere", 1, *x.shape[2:])
    assert_equal(on_kernel(delta_e, x, y, mask), delta_e_reference(x, y, mask))


@pytest.mark.parametrize("kind", ["any color", "near colors", "around blue", "near greys"])
def test_ciede2000_agrees_with_scikit_image(kind):
    generator = torch.Generator().manual_seed(0)
    low, high = torch.tensor([[0.0, -110, -110], [100, 110, 110]])
    if kind == "around blue":
        low, high = torch.tensor([[20.0, -40, -110], [60, 90, -20]])
    x, y = low + (high - low) * torch.rand(2, 20_000, 3, generator=generator)
    if kind == "near colors":
        y = x + 1e-3 * torch.randn(x.shape, generator=generator)
    if kind == "near greys":
        x, y = (t * torch.tensor([1, 1e-4, 1e-4]) for t in (x, y))
    x, y = x.double(), y.double()
    expected = deltaE_ciede2000(x.numpy(), y.numpy())
    actual = ciede2000(x.mT[None], y.mT[None])[0].numpy()
    # differences up to 125 in float64: the worst of these colors is 1.5e-13 off
    np.testing.assert_allclose(actual, expected, rtol=0, atol=3e-13)


def test_lab_agrees_with_kornia():
    import kornia

    image = noise(1, 64, 65)
    expected = kornia.color.rgb_to_lab(image.double() / 255)
    # our cube roots are within 7e-15, which 500 times their difference makes 7e-12 at most; the
    # worst of these colors is 3.2e-12 off
    torch.testing.assert_close(lab(image), expected, rtol=0, atol=7e-12)


def test_table_agrees_with_the_formula():
    v = np.arange(256) / 255
    expected = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    # the rounding of base and exponent in float64 is worth four units of the last place
    np.testing.assert_allclose(linear_table(), expected, rtol=1e-15)


def test_sums_are_the_differences_in_steps(on_kernel):
    (x, y), mask = pair(1, 37, 53), region("random", 1, 37, 53)
    values = ciede2000(lab(x), lab(y))[mask[:, 0]]
    actual = on_kernel(delta_e, x, y, mask)
    assert actual.pixels.item() == len(values)
    # each pixel is rounded to half a step at most
    assert abs(actual.steps.item() * STEP - values.sum().item()) <= len(values) * STEP / 2


@pytest.mark.parametrize("formula", ["cie76", "ciede2000"])
def test_identical_images_are_zero_apart(on_kernel, formula):
    x = greys_and_primaries()
    mask = region("everywhere", 1, *x.shape[2:])
    assert not on_kernel(delta_e, x, x, mask, formula=formula).steps.any()


@pytest.mark.parametrize("formula", ["cie76", "ciede2000"])
def test_is_symmetric(on_kernel, formula):
    x, y, mask = noise(1, 37, 53, seed=1), noise(1, 37, 53, seed=2), all_regions(1, 37, 53)
    there = on_kernel(delta_e, x, y, mask, formula=formula)
    assert_equal(on_kernel(delta_e, y, x, mask, formula=formula), there)


def test_black_against_white_is_a_hundred(on_kernel):
    black, mask = torch.zeros(1, 3, 1, 1, dtype=torch.uint8), region("pixel", 1, 1, 1)
    steps = on_kernel(delta_e, black, 255 - black, mask, formula="cie76").steps
    # the matrix sums to 0.950456 where the white is 0.95047, which tints white by 0.01
    assert abs(steps.item() * STEP - 100) < 1e-4


def test_score_does_not_depend_on_batch_mates(on_kernel):
    (x, y), mask = pair(4, 31, 31), all_regions(4, 31, 31)
    together = on_kernel(delta_e, x, y, mask)
    order = [3, 0, 2, 1]
    permuted = on_kernel(delta_e, x[order], y[order], mask[order])
    assert_equal(permuted, type(together)(*(sums[order] for sums in together)))
    for i in range(4):
        alone = on_kernel(delta_e, *(t[i : i + 1] for t in (x, y, mask)))
        assert_equal(alone, type(together)(*(sums[i : i + 1] for sums in together)))


def test_two_halves_add_up_to_the_whole(on_kernel):
    (x, y), half = pair(1, 37, 53), region("random", 1, 37, 53)
    mask = torch.cat([half, ~half, half | ~half], dim=1)
    for sums in on_kernel(delta_e, x, y, mask):
        assert torch.equal(sums[:, 0] + sums[:, 1], sums[:, 2])


def test_rejects_an_unknown_formula():
    x = noise(1, 5, 5)
    with pytest.raises(InputError, match="'ciede2000' or 'cie76', got 'cie94'"):
        inspect.unwrap(delta_e)(x, x, region("row", 1, 5, 5), formula="cie94")
