"""LPIPS on images and regions nobody chose; the laws of its kernel are beside the kernels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.test_properties import EXACTLY, replaced, scenes

pytestmark = pytest.mark.weights

few = settings(max_examples=12, derandomize=True, deadline=None)
modes = pytest.mark.parametrize("subject", ["lpips-box", "lpips-map"], indirect=True)
box = pytest.mark.parametrize("subject", ["lpips-box"], indirect=True)
PAD = 8
# the network reads a box of so many pixels or more, and whole images in mode "map"
LEAST = 31


def boxes_of(mask):
    """Every region's bounding box grown by the pad, as a mask."""
    grown = torch.zeros_like(mask)
    for index in mask.flatten(0, 1).any(dim=(-2, -1)).nonzero().flatten().tolist():
        image, region = divmod(index, mask.shape[1])
        rows, columns = (mask[image, region].any(dim=axis).nonzero() for axis in (1, 0))
        top, left = (max(int(side.min()) - PAD, 0) for side in (rows, columns))
        bottom, right = (int(side.max()) + 1 + PAD for side in (rows, columns))
        grown[image, region, top:bottom, left:right] = True
    return grown


def too_small(boxes):
    sides = (boxes.any(dim=axis).sum(dim=-1) for axis in (-1, -2))
    return torch.stack([side < LEAST for side in sides]).any(dim=0)


@modes
@few
@given(scene=scenes(min_side=LEAST))
def test_identical_images_are_no_distance_apart(score, scene):
    x, _, mask, _ = scene
    scores = score(x, x, mask)
    assert ((scores == 0) | scores.isnan()).all()
    assert (score(x, x) == 0).all()


@modes
@few
@given(scene=scenes(min_side=LEAST))
def test_distances_are_symmetric_and_within_their_range(score, scene):
    x, y, mask, _ = scene
    scores = score(x, y, mask)
    known = scores[~scores.isnan()]
    assert ((known >= 0) & (known <= 1)).all()
    torch.testing.assert_close(score(y, x, mask), scores, **EXACTLY)


@box
@few
@given(scene=scenes(min_side=LEAST))
def test_pixels_outside_the_box_never_matter(score, scene):
    x, y, mask, generator = scene
    boxes = boxes_of(mask)
    changed = [replaced(image, ~boxes, generator) for image in (x, y)]
    torch.testing.assert_close(score(*changed, mask), score(x, y, mask), **EXACTLY)


@box
@few
@given(scene=scenes(min_side=LEAST))
def test_region_is_nan_only_where_its_box_is_too_small(score, scene):
    x, y, mask, _ = scene
    assert torch.equal(score(x, y, mask).isnan(), too_small(boxes_of(mask)))


@pytest.mark.parametrize("subject", ["lpips-map"], indirect=True)
@few
@given(scene=scenes(min_side=LEAST))
def test_region_of_the_map_is_nan_only_when_empty(score, scene):
    x, y, mask, _ = scene
    assert torch.equal(score(x, y, mask).isnan(), ~mask.any(dim=(-2, -1)))


# not of the map, whose mean after upsampling is another than before it
@box
@few
@given(scene=scenes(min_side=LEAST))
def test_region_of_every_pixel_is_no_region(score, scene):
    x, y, mask, _ = scene
    torch.testing.assert_close(score(x, y, torch.ones_like(mask))[:, 0], score(x, y), **EXACTLY)


@pytest.mark.parametrize("subject", ["lpips-map"], indirect=True)
@few
@given(scene=scenes(min_side=LEAST), split=st.integers(0, 2**32 - 1))
def test_disjoint_regions_add_up(score, scene, split):
    x, y, mask, _ = scene
    first = torch.rand(mask.shape, generator=torch.Generator().manual_seed(split)) < 0.5
    regions = torch.cat([mask & first, mask & ~first, mask], dim=1)
    count = regions.sum(dim=(-2, -1)).double()
    total = torch.where(count == 0, 0, score(x, y, regions) * count) / count[:, 2:]
    # each position rounds to 2^-48; the worst measured over 120 pairs is 6.4e-14
    torch.testing.assert_close(
        total[:, 0] + total[:, 1], total[:, 2], rtol=0, atol=2e-13, equal_nan=True
    )


@modes
@few
@given(scene=scenes(min_side=LEAST))
def test_batches_never_matter(score, scene):
    x, y, mask, _ = scene
    scores = score(x, y, mask)
    torch.testing.assert_close(score(*(t.flip(0) for t in (x, y, mask))).flip(0), scores, **EXACTLY)
    alone = [score(*(t[b : b + 1] for t in (x, y, mask))) for b in range(2)]
    torch.testing.assert_close(torch.cat(alone), scores, **EXACTLY)


@modes
@few
@given(scene=scenes(min_side=LEAST), stray=st.sampled_from([float("nan"), float("inf")]))
def test_what_is_not_finite_is_no_score(score, scene, stray):
    x, y, mask, _ = scene
    x, y = x.float() / 255, y.float() / 255
    spoiled = x.clone()
    spoiled[0] = stray
    scores = score(spoiled, y, mask)
    assert scores[0].isnan().all()
    torch.testing.assert_close(scores[1], score(x, y, mask)[1], **EXACTLY)
