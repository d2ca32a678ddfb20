import math
import warnings
from functools import cache

import numpy as np
import pytest
import torch
from lpips import LPIPS

from gpu_metrics.errors import InputError
from gpu_metrics.metrics import Network, lpips
from gpu_metrics.metrics.lpips import fits

pytestmark = pytest.mark.weights

# float32 trunks through other convolutions and sums; the worst measured is 5e-8
CLOSE = dict(rtol=0, atol=2e-7)

SIZES = [
    pytest.param("alex", (1, 3, 31, 31), id="alex-smallest"),
    pytest.param("alex", (3, 3, 33, 47), id="alex-odd"),
    pytest.param("alex", (2, 3, 128, 96), id="alex-even"),
    pytest.param("vgg", (1, 3, 16, 16), id="vgg-smallest"),
    pytest.param("vgg", (2, 3, 33, 47), id="vgg-odd"),
]


@pytest.fixture(scope="module")
def package(trunk_weights):
    """The `lpips` package's own networks, with the published trunks in place of random ones."""

    @cache
    def build(net):
        with warnings.catch_warnings():
            # the package calls torchvision with arguments that it deprecates
            warnings.simplefilter("ignore", UserWarning)
            model = LPIPS(net=net, pnet_rand=True, verbose=False)
        slices = {
            f"slice{number}.{index}": f"features.{index}"
            for number, stage in enumerate(Network.build(trunk_weights(net)).layout.stages, start=1)
            for index in stage.convolutions
        }
        state = {
            f"{ours}.{kind}": trunk_weights(net).trunk[f"{theirs}.{kind}"]
            for ours, theirs in slices.items()
            for kind in ("weight", "bias")
        }
        model.net.load_state_dict(state, strict=True)
        return model.eval()

    def score(net, x, y, spatial=False):
        model = build(net)
        model.spatial = spatial
        return model(2 * x.float() - 1, 2 * y.float() - 1)[:, 0].double().squeeze((-2, -1))

    return score


@pytest.mark.parametrize(("net", "shape"), SIZES)
def test_agrees_with_the_lpips_package(image_pair, device, network, package, net, shape):
    x, y = image_pair(shape, dtype=torch.float32)

    actual = lpips(x.to(device), y.to(device), network=network(net, device))

    np.testing.assert_allclose(actual.cpu(), package(net, x, y), **CLOSE)


def test_map_agrees_with_the_spatial_map_of_the_lpips_package(image_pair, device, network, package):
    x, y = image_pair((2, 3, 61, 83), dtype=torch.float32)
    mask = torch.rand(2, 3, 61, 83, generator=torch.Generator().manual_seed(1)) < 0.2
    mask[:, 1:] = False
    mask[:, 1, 10:30, 20:50] = True
    mask[:, 2, -1] = True

    actual = lpips(
        x.to(device), y.to(device), mask.to(device), network=network("alex", device), mode="map"
    )

    maps = package("alex", x, y, spatial=True)
    expected = [[m[region].mean() for region in r] for m, r in zip(maps, mask, strict=True)]
    np.testing.assert_allclose(actual.cpu(), expected, **CLOSE)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_float32_agrees_with_float64(image_pair, device, network, net):
    x, y = image_pair((2, 3, 47, 61), dtype=torch.uint8)

    single = lpips(x.to(device), y.to(device), network=network(net, device))
    double = lpips(x, y, network=network(net, "cpu", torch.float64))

    np.testing.assert_allclose(single.cpu(), double, **CLOSE)


@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_micro_batch_is_filled_up(image_pair, device, network, count):
    x, y = (t.to(device) for t in image_pair((5, 3, 33, 47), dtype=torch.uint8))
    alex = network("alex", device)

    whole = lpips(x, y, network=alex, micro_batch=4)
    part = lpips(x[:count], y[:count], network=alex, micro_batch=4)

    # four images are convolved at once, whatever they are
    assert torch.equal(part, whole[:count])
    np.testing.assert_allclose(whole.cpu(), lpips(x, y, network=alex).cpu(), **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_images_take_the_precision_of_the_network(image_pair, network, dtype):
    x, y = image_pair((1, 3, 40, 50), dtype=dtype)
    assert torch.equal(
        lpips(x, y, network=network()), lpips(x.float(), y.float(), network=network())
    )


def test_bytes_score_as_their_fractions(image_pair, network):
    x, y = image_pair((1, 3, 40, 50), dtype=torch.uint8)
    expected = lpips(x.float() / 255, y.float() / 255, network=network())
    assert torch.equal(lpips(x, y, network=network()), expected)


@pytest.mark.parametrize("stray", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("mode", ["image", "box", "map"])
def test_non_finite_pixels_never_make_a_number(image_pair, device, network, stray, mode):
    x, y = (t.to(device) for t in image_pair((1, 3, 40, 50), dtype=torch.float32))
    spoiled = x.clone()
    spoiled[0, 1, 20, 20] = stray
    everywhere = torch.ones(1, 1, 40, 50, dtype=torch.bool, device=device)
    options = dict(network=network("alex", device), mode=mode)
    for a, b in [(spoiled, y), (y, spoiled), (spoiled, spoiled)]:
        assert lpips(a, b, None if mode == "image" else everywhere, **options).isnan().all()


@pytest.mark.parametrize(("net", "side"), [("alex", 31), ("vgg", 16)])
def test_smallest_image_is_the_documented_one(network, net, side):
    x = torch.zeros(1, 3, side, side)
    assert lpips(x, x, network=network(net)).item() == 0
    assert fits((0, 0, side, side), network(net))
    assert not fits((0, 0, side, side - 1), network(net))
    for small in (x[..., 1:], x[..., 1:, :]):
        height, width = small.shape[-2:]
        sentence = f"LPIPS on {net} needs sides of at least {side} px, got {height}x{width}"
        with pytest.raises(InputError, match=sentence):
            lpips(small, small, network=network(net))


@pytest.mark.usefixtures("as_called")
def test_rejects_what_the_network_cannot_take(network):
    x = torch.zeros(1, 3, 40, 40)
    everywhere = torch.ones(1, 1, 40, 40, dtype=torch.bool)
    cases = [
        (dict(mode="crop"), "mode: expected 'box', 'map' or 'image', got 'crop'"),
        (dict(mask=everywhere), "mode 'image' scores whole images; choose 'box' or 'map'"),
        (dict(mode="box", mask=everywhere, pad=-1), "pad: expected 0 or more pixels, got -1"),
        (dict(micro_batch=0), "micro_batch: expected 1 or more images, got 0"),
        (dict(mode="map", mask=everywhere.byte()), "mask: expected booleans"),
    ]
    for options, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            lpips(x, x, network=network(), **options)
    with pytest.raises(InputError, match="expected 3 channels, got 1"):
        lpips(x[:, :1], x[:, :1], network=network())
    with pytest.raises(InputError, match="on the device of the images, got meta and cpu"):
        lpips(x, x, network=network("alex", "meta"))
