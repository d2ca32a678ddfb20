import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

EXACTLY = dict(rtol=0, atol=0, equal_nan=True)

PIXELWISE = ["mse", "mse-luma", "mse-y", "psnr", "ciede2000", "cie76", "opencv-8bit"]
WINDOWS = [("ssim", 5), ("ssim-y", 5), ("ssim-binomial", 2)]
SIZES = [(1, 1), (1, 7), (10, 10), (11, 11), (12, 40), (31, 31), (37, 53), (64, 65)]

of = pytest.mark.parametrize
# the same examples in every run: the powers and angles of Delta E may take another path at another
# place in memory, and one pixel in some millions then rounds to the next 2^-24
few = settings(max_examples=15, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
FLOATS = ["mse", "mse-luma", "mse-y", "psnr", "ciede2000", "cie76"]
# one pixel in hundreds may round to the next 2^-24 in another order of terms; none did
ONE_ROUNDING = dict(rtol=0, atol=1e-9, equal_nan=True)


def bytes_like(shape, generator):
    """Pixels of which a fifth are extremes, where arithmetic of bytes would wrap."""
    pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    extreme = torch.rand(shape, generator=generator) < 0.2
    return torch.where(extreme, (pixels > 127) * 255, pixels).to(torch.uint8)


@st.composite
def scenes(draw, min_side=1):
    """Images `x` and `y`, a region of one of the kinds that break things, and a generator."""
    generator = torch.Generator().manual_seed(draw(seeds))
    height, width = (max(side, min_side) for side in draw(st.sampled_from(SIZES)))
    x, y = (bytes_like((2, 3, height, width), generator) for _ in range(2))
    mask = torch.zeros(2, 1, height, width, dtype=torch.bool)
    match draw(st.sampled_from(["none", "all", "pixel", "row", "random", "border"])):
        case "all":
            mask[:] = True
        case "pixel":
            mask[..., height // 2, width // 3] = True
        case "row":
            mask[..., height // 2, :] = True
        case "random":
            mask = torch.rand(mask.shape, generator=generator) < 0.5
        case "border":
            mask[..., [0, -1], :] = True
            mask[..., [0, -1]] = True
    return x, y, mask, generator


def replaced(image, where, generator):
    """`image` with other pixels wherever `where` is true."""
    return torch.where(where, bytes_like(image.shape, generator), image)


@of("subject", PIXELWISE, indirect=True)
@few
@given(scene=scenes())
def test_pixels_outside_the_region_never_matter(score, scene):
    x, y, mask, generator = scene
    changed = [replaced(image, ~mask, generator) for image in (x, y)]
    torch.testing.assert_close(score(*changed, mask), score(x, y, mask), **EXACTLY)


@of(("subject", "reach"), WINDOWS, indirect=["subject"])
@few
@given(scene=scenes(min_side=11))
def test_pixels_out_of_reach_of_the_region_never_matter(score, reach, scene):
    x, y, mask, generator = scene
    seen = torch.nn.functional.max_pool2d(mask.float(), 2 * reach + 1, 1, reach) > 0
    # the pivot of the Gaussian window is a pixel of the reference
    seen[..., 0, 0] = True
    changed = [replaced(image, ~seen, generator) for image in (x, y)]
    torch.testing.assert_close(score(*changed, mask), score(x, y, mask), **EXACTLY)


@of("subject", PIXELWISE, indirect=True)
@few
@given(scene=scenes(), top=st.integers(0, 3), left=st.integers(0, 9))
def test_frame_outside_the_region_never_matters(score, scene, top, left):
    x, y, mask, generator = scene
    height, width = (top + x.shape[2] + 2, left + x.shape[3] + 5)
    inside = (..., slice(top, top + x.shape[2]), slice(left, left + x.shape[3]))
    framed = [bytes_like((2, 3, height, width), generator) for _ in range(2)]
    framed[0][inside], framed[1][inside] = x, y
    region = torch.zeros(2, 1, height, width, dtype=torch.bool)
    region[inside] = mask
    torch.testing.assert_close(score(*framed, region), score(x, y, mask), **EXACTLY)


@of("subject", [*PIXELWISE, *dict(WINDOWS)], indirect=True)
@few
@given(scene=scenes(min_side=11))
def test_region_of_every_pixel_is_no_region(score, scene):
    x, y, mask, _ = scene
    everywhere = torch.ones_like(mask)
    torch.testing.assert_close(score(x, y, everywhere)[:, 0], score(x, y), **EXACTLY)


@of("subject", PIXELWISE, indirect=True)
@few
@given(scene=scenes())
def test_order_of_pixels_never_matters(score, scene):
    x, y, mask, generator = scene
    order = torch.randperm(x[0, 0].numel(), generator=generator)
    moved = [t.flatten(2)[..., order].view(t.shape) for t in (x, y, mask)]
    torch.testing.assert_close(score(*moved), score(x, y, mask), **EXACTLY)


@of("subject", PIXELWISE, indirect=True)
@few
@given(scene=scenes(), split=seeds)
def test_disjoint_regions_add_up(subject, score, scene, split):
    x, y, mask, _ = scene
    if subject.higher_is_better:
        x = y // 2 + x // 2
    first = torch.rand(mask.shape, generator=torch.Generator().manual_seed(split)) < 0.5
    regions = torch.cat([mask & first, mask & ~first, mask], dim=1)

    scores = score(x, y, regions)
    if subject.higher_is_better:
        # decibels add up as the errors that they stand for
        scores = 10 ** (-scores / 10)
    count = regions.sum(dim=(-2, -1)).double()
    total = torch.where(count == 0, 0, scores * count)

    # sums are exact, what rounds are the quotients and decibels; the worst measured is 5e-16
    torch.testing.assert_close(total[:, 0] + total[:, 1], total[:, 2], rtol=2e-15, atol=0)


@of("subject", [*PIXELWISE, *dict(WINDOWS)], indirect=True)
@few
@given(scene=scenes(min_side=11))
def test_score_stays_within_its_range(subject, score, scene):
    x, y, mask, _ = scene
    scores = score(x, y, mask)
    scores = scores[~scores.isnan()]
    if subject.best == 1:
        assert (scores.abs() <= 1).all()
    else:
        assert (scores >= 0).all()


@of("subject", [*PIXELWISE, *dict(WINDOWS)], indirect=True)
@few
@given(scene=scenes(min_side=11))
def test_region_is_nan_only_when_nothing_counts(subject, score, scene):
    x, y, mask, _ = scene
    margin = (subject.min_side - 1) // 2
    counted = mask[..., margin : mask.shape[-2] - margin, margin : mask.shape[-1] - margin]
    assert score(x, y, mask).isnan().tolist() == (counted.sum(dim=(-2, -1)) == 0).tolist()


@of("subject", [*PIXELWISE, *dict(WINDOWS)], indirect=True)
@few
@given(scene=scenes(min_side=11))
def test_identical_images_score_the_best_wherever_anything_counts(subject, score, scene):
    x, _, mask, _ = scene
    scores = score(x, x, mask)
    assert ((scores == subject.best) | scores.isnan()).all()
    assert (score(x, x) == subject.best).all()


@of("subject", [*PIXELWISE, *dict(WINDOWS)], indirect=True)
@few
@given(scene=scenes(min_side=11))
def test_order_of_images_and_batches_never_matters(score, scene):
    x, y, mask, _ = scene
    scores = score(x, y, mask)
    torch.testing.assert_close(score(y, x, mask), scores, **ONE_ROUNDING)
    torch.testing.assert_close(score(*(t.flip(0) for t in scene[:3])).flip(0), scores, **EXACTLY)
    alone = [score(*(t[b : b + 1] for t in scene[:3])) for b in range(2)]
    torch.testing.assert_close(torch.cat(alone), scores, **EXACTLY)


@of("subject", [*PIXELWISE, *dict(WINDOWS)], indirect=True)
@few
@given(scene=scenes(min_side=11), turn=st.sampled_from(["left-right", "up-down", "quarter"]))
def test_mirrors_and_turns_never_matter(score, scene, turn):
    axes = {"left-right": -1, "up-down": -2}
    moved = (
        t.flip(axes[turn]) if turn in axes else t.rot90(1, (-2, -1)).contiguous() for t in scene[:3]
    )
    torch.testing.assert_close(score(*moved), score(*scene[:3]), **ONE_ROUNDING)


@of("subject", ["mse", "mse-luma", "mse-y"], indirect=True)
@few
@given(scene=scenes(), factor=st.integers(2, 12))
def test_error_grows_with_the_square_of_the_difference(score, scene, factor):
    x, y, mask, _ = scene
    y = 120 + y % 16
    step = (x % 10).int() * torch.where(x > 127, -1, 1)
    once, often = (score((y + k * step).byte(), y, mask) for k in (1, factor))
    # sums are exact; the divisions by white and by the count round
    torch.testing.assert_close(often, factor**2 * once, rtol=1e-15, atol=0, equal_nan=True)


@of("subject", FLOATS, indirect=True)
@few
@given(scene=scenes(), stray=st.sampled_from([math.nan, math.inf, -math.inf]))
def test_line_30_what_is_not_finite_is_no_score(score, scene, stray):
    x, y, mask, generator = scene
    x, y = x.double() / 255, y.double() / 255
    place = (..., torch.randint(x.shape[-2], (), generator=generator), x.shape[-1] // 2)
    spoiled = x.clone()
    spoiled[place] = stray
    hit = mask[place].expand_as(mask[..., 0, 0])
    scores = score(spoiled, y, mask)
    assert not scores[hit].isfinite().any()
    torch.testing.assert_close(scores[~hit], score(x, y, mask)[~hit], **EXACTLY)


@of("subject", [*PIXELWISE, *dict(WINDOWS)], indirect=True)
@few
@given(
    scene=scenes(min_side=11), layout=st.sampled_from(["interleaved", "crop", "columns", "turned"])
)
def test_memory_never_matters(score, scene, layout):
    def lay(t):
        match layout:
            case "interleaved":
                return t.movedim(1, -1).contiguous().movedim(-1, 1)
            case "crop":
                return torch.nn.functional.pad(t, (3, 2, 1, 4), value=1)[..., 1:-4, 3:-2]
            case "columns":
                return t.repeat_interleave(2, dim=-1)[..., ::2]
        return t.mT.contiguous().mT

    torch.testing.assert_close(score(*map(lay, scene[:3])), score(*scene[:3]), **EXACTLY)
