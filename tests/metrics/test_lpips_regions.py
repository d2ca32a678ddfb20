import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gpu_metrics.metrics import features, lpips
from gpu_metrics.metrics.lpips import (
    crop_to,
    distance,
    layer_weights,
    masked_distance,
    region_boxes,
)

pytestmark = pytest.mark.weights


def blob(height, width, top, left, bottom, right):
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[top:bottom, left:right] = True
    # a corner is bitten off, so that a region is not its box
    mask[top, left] = False
    return mask


def test_box_equals_cropping_by_hand(image_pair, device, network):
    x, y = (t.to(device) for t in image_pair((2, 3, 90, 80), dtype=torch.uint8))
    mask = torch.zeros(2, 2, 90, 80, dtype=torch.bool)
    mask[0, 0] = blob(90, 80, 20, 10, 60, 50)
    mask[0, 1] = blob(90, 80, 0, 45, 40, 80)
    mask[1, 0] = blob(90, 80, 85, 0, 90, 35)
    mask[1, 1] = blob(90, 80, 0, 0, 90, 80)
    alex = network("alex", device)

    actual = lpips(x, y, mask.to(device), network=alex, mode="box", pad=8)

    crops = [[(12, 68, 2, 58), (0, 48, 37, 80)], [(77, 90, 0, 43), (0, 90, 0, 80)]]
    for b, r in np.ndindex(2, 2):
        top, bottom, left, right = crops[b][r]
        if bottom - top < 31:
            assert actual[b, r].isnan()
            continue
        inside = (slice(b, b + 1), slice(None), slice(top, bottom), slice(left, right))
        assert torch.equal(actual[b, r : r + 1], lpips(x[inside], y[inside], network=alex))


def test_box_without_a_mask_is_the_whole_image(image_pair, network):
    x, y = image_pair((2, 3, 40, 50), dtype=torch.uint8)
    scores = [lpips(x, y, network=network(), mode=mode) for mode in ("image", "box", "map")]
    assert torch.equal(scores[0], scores[1])
    assert torch.equal(scores[0], scores[2])


def test_features_can_be_computed_once(image_pair, device, network):
    x, y = (t.to(device) for t in image_pair((2, 3, 61, 83), dtype=torch.uint8))
    mask = blob(61, 83, 10, 20, 30, 50).to(device).expand(2, 1, -1, -1)
    alex = network("alex", device)

    reference = features(y, alex)
    weights = layer_weights(mask, reference)
    for noise in (0, 1):
        candidate = features(x ^ noise, alex)
        whole = lpips(x ^ noise, y, network=alex)
        inside = lpips(x ^ noise, y, mask, network=alex, mode="map")
        assert torch.equal(distance(candidate, reference, alex), whole)
        assert torch.equal(masked_distance(candidate, reference, alex, weights), inside)


def test_regions_without_pixels_or_room_are_nan(image_pair, device, network):
    x, y = (t.to(device) for t in image_pair((1, 3, 60, 80), dtype=torch.uint8))
    mask = torch.zeros(1, 3, 60, 80, dtype=torch.bool, device=device)
    mask[0, 1, 30, 40] = True
    mask[0, 2, 0, 0] = True
    options = dict(network=network("alex", device))

    nothing, one, corner = lpips(x, y, mask, mode="box", pad=15, **options)[0].tolist()
    assert math.isnan(nothing)
    # one pixel and 15 on each side are just the 31 that the network takes
    assert math.isfinite(one)
    assert math.isnan(corner)

    nothing, one, corner = lpips(x, y, mask, mode="map", **options)[0].tolist()
    assert math.isnan(nothing)
    assert math.isfinite(one)
    assert math.isfinite(corner)


@given(mask=arrays(np.bool_, (1, 2, 6, 7)), pad=st.integers(0, 3))
def test_boxes_are_the_tightest_that_hold_their_region(mask, pad):
    boxes = region_boxes(torch.from_numpy(mask), pad)
    for region, box in zip(mask[0], boxes[0], strict=True):
        rows, columns = region.nonzero()
        if len(rows) == 0:
            assert box is None
            continue
        first = (rows.min() - pad, columns.min() - pad)
        last = (rows.max() + 1 + pad, columns.max() + 1 + pad)
        assert box == tuple(np.clip(first + last, 0, (6, 7, 6, 7)))
        pixels = torch.from_numpy(region[None, None]).byte()
        assert crop_to(pixels, box).sum() == region.sum()


def test_layer_weights_share_out_one(network):
    layers = features(torch.zeros(1, 3, 61, 83), network())
    mask = torch.stack([blob(61, 83, 10, 20, 30, 50), blob(61, 83, 60, 0, 61, 83)])[None]
    for weights in layer_weights(mask, layers):
        assert (weights >= 0).all()
        torch.testing.assert_close(
            weights.sum(dim=(-2, -1)), torch.ones(1, 2, dtype=torch.float64), rtol=0, atol=1e-14
        )
