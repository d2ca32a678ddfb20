import inspect

import lpips
import pytest
import torch
from cuda_on_cpu import CpuRunner
from torch import nn

from gpu_metrics.errors import InputError
from gpu_metrics.kernels import launch
from gpu_metrics.kernels.lpips_pool import lpips_pool, lpips_pool_eager, lpips_pool_reference

# height, width, channels: one position, rows that end inside a warp, several blocks, odd channels
SIZES = [(1, 1, 64), (7, 9, 192), (13, 11, 19), (3, 50, 8), (5, 5, 3)]


def layer(batch, height, width, channels, *, regions=2, noise=0.3, seed=0):
    """Features after a ReLU with a noisy copy, linear weights, and region weights."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, channels, height, width, generator=generator)
    y = (x + noise * torch.randn(x.shape, generator=generator)).relu()
    weights = torch.rand(batch, regions, height, width, generator=generator).double()
    heads = torch.rand(channels, generator=generator)
    return x.relu(), y, heads, weights / weights.sum(dim=(-2, -1), keepdim=True)


def by_definition(x, y, heads, weights):
    """The formula of the paper in float64, with the features normalised first."""
    x, y = (f.double() / (f.double().norm(dim=1, keepdim=True) + 1e-10) for f in (x, y))
    values = ((x - y).square() * heads.double()[:, None, None]).sum(dim=1, keepdim=True)
    return (values * weights).sum(dim=(-2, -1))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_matches_twin_under_any_schedule(any_schedule, size):
    arguments = layer(2, *size)
    assert torch.equal(any_schedule(lpips_pool, *arguments), lpips_pool_reference(*arguments))


@pytest.mark.parametrize("noise", [1e-4, 0.3])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_agrees_with_the_definition(on_kernel, size, noise):
    arguments = layer(2, *size, noise=noise)
    actual = on_kernel(lpips_pool, *arguments)
    # sums of float64 and steps of 2^-48; the worst of these cases is 2.1e-14 off
    torch.testing.assert_close(actual, by_definition(*arguments), rtol=0, atol=3e-14)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_eager_operations_agree_with_the_twin(size):
    arguments = layer(2, *size)
    expected = lpips_pool_reference(*arguments)
    # float32 against float64; the worst of these and of larger layers is 5.6e-8 off
    torch.testing.assert_close(lpips_pool_eager(*arguments), expected, rtol=2e-7, atol=0)


def test_agrees_with_the_lpips_package(on_kernel):
    x, y, heads, _ = layer(2, 17, 12, 64)
    linear = lpips.NetLinLayer(64)
    linear.model[-1].weight = nn.Parameter(heads[None, :, None, None])
    features = (lpips.normalize_tensor(f) for f in (x, y))
    difference = next(features).sub(next(features)).square()
    expected = linear.eval()(difference).mean(dim=(-2, -1)).detach().double()
    mean = torch.full((2, 1, 17, 12), 1 / (17 * 12), dtype=torch.float64)
    # the package works in float32
    torch.testing.assert_close(
        on_kernel(lpips_pool, x, y, heads, mean), expected, rtol=3e-7, atol=0
    )


def test_equal_features_are_exactly_zero_apart(on_kernel):
    x, _, heads, weights = layer(2, 7, 9, 192)
    assert not on_kernel(lpips_pool, x, x, heads, weights).any()


def test_length_of_features_does_not_matter(on_kernel):
    x, y, heads, weights = layer(1, 7, 9, 64)
    actual = on_kernel(lpips_pool, 4 * x, y / 8, heads, weights)
    # 1e-10 is added to each length, and their ratio to it changes
    torch.testing.assert_close(
        actual, on_kernel(lpips_pool, x, y, heads, weights), atol=1e-9, rtol=0
    )


def test_is_symmetric(on_kernel):
    x, y, heads, weights = layer(2, 7, 9, 64)
    there, back = (
        on_kernel(lpips_pool, x, y, heads, weights),
        on_kernel(lpips_pool, y, x, heads, weights),
    )
    assert torch.equal(there, back)


def test_dark_positions_without_features_are_finite(on_kernel):
    x, y, heads, weights = layer(1, 7, 9, 64)
    x[..., 3, 3] = 0
    y[..., 3, 3] = 0
    assert on_kernel(lpips_pool, x, y, heads, weights).isfinite().all()


def test_score_does_not_depend_on_batch_mates(on_kernel):
    x, y, heads, weights = layer(4, 7, 9, 64)
    together = on_kernel(lpips_pool, x, y, heads, weights)
    order = [2, 0, 3, 1]
    permuted = on_kernel(lpips_pool, x[order], y[order], heads, weights[order])
    assert torch.equal(permuted, together[order])
    for i in range(4):
        alone = on_kernel(lpips_pool, *(t[i : i + 1] for t in (x, y)), heads, weights[i : i + 1])
        assert torch.equal(alone[0], together[i])


def test_cached_reference_is_broadcast_in_place(on_kernel):
    x, _, heads, _ = layer(3, 7, 9, 64)
    _, y, _, weights = layer(1, 7, 9, 64, seed=1)
    expected = lpips_pool_reference(x, y.repeat(3, 1, 1, 1), heads, weights.repeat(3, 1, 1, 1))
    shared = y.expand(3, -1, -1, -1), weights.expand(3, -1, -1, -1)
    assert torch.equal(on_kernel(lpips_pool, x, shared[0], heads, shared[1]), expected)


@pytest.mark.parametrize("x_layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("y_layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_features_are_accepted_in_any_layout(on_kernel, size, x_layout, y_layout):
    x, y, heads, weights = layer(2, *size)
    laid_out = x.contiguous(memory_format=x_layout), y.contiguous(memory_format=y_layout)
    expected = lpips_pool_reference(x, y, heads, weights)
    assert torch.equal(on_kernel(lpips_pool, *laid_out, heads, weights), expected)


def test_gradients_pass_through_the_twin():
    x, y, heads, weights = layer(1, 7, 9, 64)
    x.requires_grad_()
    with launch.recorded() as paths:
        lpips_pool(x, y, heads, weights).sum().backward()
    assert paths == {"lpips_pool": {"twin: gradients are needed"}}
    assert x.grad.isfinite().all() and x.grad.any()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_gives_nan_where_it_counts(on_kernel, bad):
    x, y, heads, weights = layer(2, 7, 9, 64)
    x[0, 5, 2, 2] = bad
    weights[1, 1] = torch.nan
    actual = on_kernel(lpips_pool, x, y, heads, weights)
    assert actual.isnan().tolist() == [[True, True], [False, True]]
    assert lpips_pool_reference(x, y, heads, weights).isnan().equal(actual.isnan())


def test_features_in_float64_stay_there_and_the_record_says_so():
    x, y, heads, weights = layer(1, 7, 9, 64)
    with launch.using(CpuRunner()), launch.recorded() as paths:
        actual = lpips_pool(x.double(), y.double(), heads.double(), weights)
    assert paths == {"lpips_pool": {"twin: features are torch.float64"}}
    expected = by_definition(x, y, heads, weights)
    torch.testing.assert_close(actual, expected, rtol=0, atol=3e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y, h, w: (x, y[..., 1:], h, w), "one shape"),
        (lambda x, y, h, w: (x, y, h[1:], w), "expected 64 weights"),
        (lambda x, y, h, w: (x, y, h, w[..., 1:]), r"expected shape \(1, R, 7, 9\)"),
    ],
)
def test_rejects_what_does_not_fit(change, message):
    with pytest.raises(InputError, match=message):
        inspect.unwrap(lpips_pool)(*change(*layer(1, 7, 9, 64)))
