"""The procedure of AI Flash Portrait's organisers written plainly, one image at a time.

What the engine is held against, never part of a score. `dtype` is float32 as in the organisers'
scorer, or float64 for the value that their formulas define.
"""

import warnings
from pathlib import Path

import cv2
import lpips
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from gpu_metrics.errors import InputError
from gpu_metrics.weights import find_weights

PAD = 8
C1, C2 = 0.01**2, 0.03**2

# where each convolution of torchvision's trunk stands in the slices of the lpips package
_SLICES = {
    "alex": {0: 1, 3: 2, 6: 3, 8: 4, 10: 5},
    "vgg": dict.fromkeys((0, 2), 1)
    | dict.fromkeys((5, 7), 2)
    | dict.fromkeys((10, 12, 14), 3)
    | dict.fromkeys((17, 19, 21), 4)
    | dict.fromkeys((24, 26, 28), 5),
}


def lpips_package(net: str, *, spatial: bool = False) -> lpips.LPIPS:
    """The lpips package's own network, with the trunk loaded strictly."""
    with warnings.catch_warnings():
        # its constructor uses arguments that torchvision has renamed
        warnings.simplefilter("ignore", UserWarning)
        model = lpips.LPIPS(net=net, pnet_rand=True, spatial=spatial, verbose=False)
    trunk = {
        f"slice{_SLICES[net][int(index)]}.{index}.{kind}": values
        for name, values in find_weights(net).trunk.items()
        for _, index, kind in [name.split(".")]
    }
    model.net.load_state_dict(trunk, strict=True)
    return model.eval()


def read(path: Path) -> np.ndarray:
    """RGB bytes `(H, W, 3)`."""
    return cv2.cvtColor(_opencv(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def read_person(path: Path) -> np.ndarray:
    """Person mask as booleans `(H, W)`."""
    mask = _opencv(path, cv2.IMREAD_GRAYSCALE).astype(np.float32)
    return (mask / 255 if mask.max() > 1 else mask) > 0.5


def _opencv(path: Path, flags: int) -> np.ndarray:
    image = cv2.imread(str(path), flags)
    if image is None:
        raise InputError(f"{path}: OpenCV cannot read it as an image")
    return image


@torch.no_grad()
def official_scores(
    x: np.ndarray,
    y: np.ndarray,
    person: np.ndarray,
    model: lpips.LPIPS,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """The four measures of one image; tensors on `device`, where the model is."""
    candidate, truth = (_tensor(image, dtype, device) for image in (x, y))
    return {
        "psnr_bg": _psnr(candidate, truth, torch.from_numpy(~person).to(device)),
        "ssim_global": official_ssim(x, y, dtype, device),
        "delta_e_person": _delta_e(x, y, person),
        "lpips_person": _lpips(candidate, truth, person, model.to(dtype)),
    }


def _tensor(image: np.ndarray, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    return torch.from_numpy(image).to(device).permute(2, 0, 1)[None].to(dtype) / 255


def _psnr(x: Tensor, y: Tensor, background: Tensor) -> float:
    error = ((x - y) ** 2).mean(dim=1)[0][background].mean().item()
    return 100.0 if error == 0 else float(-10 * np.log10(error))


def official_ssim(
    candidate: np.ndarray,
    truth: np.ndarray,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
) -> float:
    """SSIM of luma over a 5x5 binomial window, zeros beyond the edge."""
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=dtype, device=device)
    window = (torch.outer(taps, taps) / 256)[None, None]
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=dtype, device=device).view(1, 3, 1, 1)
    images = (_tensor(image, dtype, device) for image in (candidate, truth))
    x, y = ((image * weights).sum(dim=1, keepdim=True) for image in images)
    mx, my = conv2d(x, window, padding=2), conv2d(y, window, padding=2)
    vx = conv2d(x * x, window, padding=2) - mx * mx
    vy = conv2d(y * y, window, padding=2) - my * my
    cov = conv2d(x * y, window, padding=2) - mx * my
    top = (2 * mx * my + C1) * (2 * cov + C2)
    return (top / ((mx * mx + my * my + C1) * (vx + vy + C2))).mean().item()


def _delta_e(x: np.ndarray, y: np.ndarray, person: np.ndarray) -> float:
    lab = [cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float64) for image in (x, y)]
    return float(np.linalg.norm(lab[0] - lab[1], axis=-1)[person].mean())


def _lpips(x: Tensor, y: Tensor, person: np.ndarray, model: lpips.LPIPS) -> float:
    rows, columns = np.nonzero(person.any(axis=1))[0], np.nonzero(person.any(axis=0))[0]
    height, width = person.shape
    top, bottom = max(rows[0] - PAD, 0), min(rows[-1] + 1 + PAD, height)
    left, right = max(columns[0] - PAD, 0), min(columns[-1] + 1 + PAD, width)
    crops = (2 * image[..., top:bottom, left:right] - 1 for image in (x, y))
    return float(model(*crops).item())
