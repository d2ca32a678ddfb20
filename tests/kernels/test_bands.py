import pytest
import torch
from pictures import all_regions, pair

from gpu_metrics.kernels import bands as module
from gpu_metrics.kernels.bands import ROWS, bands
from gpu_metrics.kernels.delta_e import delta_e_reference
from gpu_metrics.kernels.ssim_gaussian import ssim_gaussian_reference


@pytest.mark.parametrize("halo", [0, 5])
@pytest.mark.parametrize("height", [11, ROWS, ROWS + 1, ROWS + 10, ROWS + 11, 3 * ROWS + 17])
def test_every_row_is_a_center_once(height, halo):
    rows = torch.arange(height).view(1, height, 1)
    centers = [band[:, halo : band.shape[1] - halo] for (band,) in bands(rows, halo=halo)]
    assert torch.equal(torch.cat(centers, dim=1), rows[:, halo : height - halo])


@pytest.mark.parametrize("twin", [delta_e_reference, ssim_gaussian_reference])
@pytest.mark.parametrize("height", [2 * ROWS, 2 * ROWS + 13])
def test_twins_give_the_same_integers_in_one_band(monkeypatch, twin, height):
    images = (*pair(2, height, 40), all_regions(2, height, 40))
    several = twin(*images)
    monkeypatch.setattr(module, "ROWS", height)
    assert all(torch.equal(a, b) for a, b in zip(several, twin(*images), strict=True))
