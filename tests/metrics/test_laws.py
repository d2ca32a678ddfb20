import pytest
import torch

from gpu_metrics.errors import InputError

EXACTLY = dict(rtol=0, atol=0, equal_nan=True)

# one pixel in hundreds may round to the next 2^-24 in another order of terms; none did
ONE_ROUNDING = dict(rtol=0, atol=1e-9)

PIXELWISE = ["mse", "mse-luma", "mse-y", "psnr", "ciede2000", "cie76", "opencv-8bit"]
SSIM = ["ssim", "ssim-y", "ssim-binomial"]
LPIPS = [pytest.param(mode, marks=pytest.mark.weights) for mode in ("lpips-box", "lpips-map")]

of = pytest.mark.parametrize


@pytest.fixture
def pair(image_pair, device):
    """Three 8-bit images and their noisy copies, with sides that no vector width divides."""
    return tuple(t.to(device) for t in image_pair((3, 3, 37, 53), dtype=torch.uint8))


@pytest.fixture
def mask(device):
    """Two regions per image: a large one that differs from image to image, and a scattered one."""
    generator = torch.Generator().manual_seed(7)
    regions = torch.rand(3, 2, 37, 53, generator=generator) < 0.3
    for b in range(3):
        regions[b, 0] = False
        regions[b, 0, b : 33 + b, 10 : 45 + b] = True
    return regions.to(device)


@pytest.fixture
def set_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_identical_images_score_the_best(subject, score, pair, mask):
    x, _ = pair
    assert (score(x, x) == subject.best).all()
    assert (score(x, x, mask) == subject.best).all()


def test_gets_worse_with_noise(subject, score, image_pair, device):
    pairs = [image_pair((2, 3, 37, 53), noise=n, dtype=torch.uint8) for n in (0.01, 0.05, 0.2)]
    scores = torch.stack([score(x.to(device), y.to(device)) for x, y in pairs])
    steps = scores.diff(dim=0)
    assert (steps < 0).all() if subject.higher_is_better else (steps > 0).all()


def test_is_symmetric(score, pair, mask):
    x, y = pair
    torch.testing.assert_close(score(x, y, mask), score(y, x, mask), **ONE_ROUNDING)


def test_empty_region_is_nan(score, pair):
    x, y = pair
    nowhere = torch.zeros(3, 2, 37, 53, dtype=torch.bool, device=x.device)
    assert score(x, y, nowhere).isnan().all()
    assert score(x, x, nowhere).isnan().all()


def test_score_does_not_depend_on_batch_mates(score, pair, mask):
    x, y = pair
    whole, regions = score(x, y), score(x, y, mask)
    for b in range(3):
        one = slice(b, b + 1)
        torch.testing.assert_close(whole[one], score(x[one], y[one]), **EXACTLY)
        torch.testing.assert_close(regions[one], score(x[one], y[one], mask[one]), **EXACTLY)


def test_score_does_not_depend_on_batch_order(score, pair, mask):
    x, y = pair
    order = torch.tensor([2, 0, 1], device=x.device)
    torch.testing.assert_close(score(x, y)[order], score(x[order], y[order]), **EXACTLY)
    shuffled = score(x[order], y[order], mask[order])
    torch.testing.assert_close(score(x, y, mask)[order], shuffled, **EXACTLY)


def test_regions_do_not_depend_on_each_other(subject, score, pair, mask):
    x, y = pair
    alone = torch.cat([score(x, y, mask[:, r : r + 1]) for r in range(2)], dim=1)
    # LPIPS maps are averaged in matrix products, whose order may follow their shape
    close = dict(rtol=1e-13, atol=0) if subject.trunk else EXACTLY
    torch.testing.assert_close(score(x, y, mask), alone, **close)


@of("layout", ["channels-last", "rows-apart", "columns-apart", "transposed"])
def test_score_does_not_depend_on_memory_layout(score, pair, mask, layout):
    def lay(t):
        if layout == "channels-last":
            return t.contiguous(memory_format=torch.channels_last)
        if layout == "transposed":
            return t.mT.contiguous().mT
        steps = (1, 2) if layout == "columns-apart" else (2, 1)
        apart = t.repeat_interleave(2, dim=-2 if steps == (2, 1) else -1)
        return apart[..., :: steps[0], :: steps[1]]

    x, y = pair
    assert not lay(x).is_contiguous()
    torch.testing.assert_close(score(lay(x), lay(y), lay(mask)), score(x, y, mask), **EXACTLY)


def test_reference_can_be_broadcast(score, pair, mask):
    x, y = pair
    expanded = score(x, y[:1].expand(3, -1, -1, -1), mask[:1].expand(3, -1, -1, -1))
    copied = score(x, y[:1].repeat(3, 1, 1, 1), mask[:1].repeat(3, 1, 1, 1))
    torch.testing.assert_close(expanded, copied, **EXACTLY)


@of("subject", PIXELWISE + SSIM, indirect=True)
def test_score_does_not_depend_on_threads(score, image_pair, set_threads):
    # large enough for torch to share the work out
    x, y = image_pair((2, 3, 131, 137), dtype=torch.uint8)
    mask = torch.rand(2, 1, 131, 137, generator=torch.Generator().manual_seed(1)) < 0.5
    set_threads(1)
    single = score(x, y), score(x, y, mask)
    set_threads(2)
    torch.testing.assert_close((score(x, y), score(x, y, mask)), single, **EXACTLY)


def test_second_call_gives_the_same_bits(score, pair, mask):
    x, y = pair
    torch.testing.assert_close(score(x, y, mask), score(x, y, mask), **EXACTLY)


@of("subject", [*PIXELWISE, *SSIM, LPIPS[0]], indirect=True)
def test_whole_image_mask_changes_nothing(score, pair):
    x, y = pair
    everywhere = torch.ones(3, 1, 37, 53, dtype=torch.bool, device=x.device)
    torch.testing.assert_close(score(x, y, everywhere)[:, 0], score(x, y), **EXACTLY)


@of("subject", [*PIXELWISE, *SSIM, LPIPS[1]], indirect=True)
def test_two_halves_pool_to_the_whole(subject, score, pair):
    x, y = pair
    regions = torch.zeros(3, 3, 37, 53, dtype=torch.bool, device=x.device)
    # within every window's reach of the edge, and not of one size
    regions[:, 0, 6:13, 6:-6] = True
    regions[:, 1, 13:-6, 6:-6] = True
    regions[:, 2] = regions[:, 0] | regions[:, 1]

    top, bottom, whole = score(x, y, regions).unbind(1)
    count = regions.sum(dim=(-2, -1))[0].double()
    if subject.higher_is_better and subject.best != 1:
        # decibels pool as the errors that they stand for
        top, bottom, whole = (10 ** (-value / 10) for value in (top, bottom, whole))
    pooled = (top * count[0] + bottom * count[1]) / count[2]
    # what rounds are quotients and decibels, and the worst measured is 4e-16; and LPIPS at each
    # position to 2^-48, the worst of which is 1.6e-14
    torch.testing.assert_close(pooled, whole, rtol=2e-15, atol=4e-14 if subject.trunk else 0)


@of("subject", PIXELWISE, indirect=True)
def test_mirrored_and_turned_images_score_the_same(score, pair, mask):
    x, y = pair
    for move in (lambda t: t.flip(-1), lambda t: t.flip(-2), lambda t: t.rot90(1, (-2, -1))):
        turned = score(move(x), move(y), move(mask))
        torch.testing.assert_close(turned, score(x, y, mask), **EXACTLY)


@of("subject", SSIM, indirect=True)
def test_mirrored_and_turned_windows_see_the_same(score, pair, mask):
    x, y = pair
    for move in (lambda t: t.flip(-1), lambda t: t.flip(-2), lambda t: t.rot90(1, (-2, -1))):
        turned = score(move(x), move(y), move(mask))
        torch.testing.assert_close(turned, score(x, y, mask), **ONE_ROUNDING)


@pytest.mark.usefixtures("as_called")
def test_rejects_pairs_and_masks_that_do_not_fit(score, pair, mask):
    x, y = pair
    cases = [
        ((x, y[..., 1:]), "equal shapes"),
        ((x, y[:2]), "equal shapes"),
        ((x[0], y[0]), r"add a batch axis with x\[None\]"),
        ((x.int(), y.int()), "uint8 images or float images"),
        ((x, y.float()), "both of one dtype"),
        ((x.bool(), y.bool()), "uint8 images or float images"),
        ((x.movedim(1, -1), y.movedim(1, -1)), "channels come before height and width"),
        ((x, y, mask.byte()), "mask: expected booleans"),
        ((x, y, mask[..., 1:]), "mask: expected shape"),
        ((x, y, mask[:, 0]), "mask: expected shape"),
        ((x, y, mask[:, :0]), "mask: expected shape"),
        ((x, y, mask.to("meta")), "mask must share the device of x"),
        ((x, y.to("meta")), "must share a device"),
    ]
    for arguments, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            score(*arguments)
