"""Images cut into bands of rows, so that a twin's temporaries stay few and near the processor."""

from collections.abc import Iterator

from torch import Tensor

ROWS = 128


def bands(*images: Tensor, halo: int = 0) -> Iterator[tuple[Tensor, ...]]:
    """Bands of 128 rows of images `(..., H, W)`, with `halo` more rows on either side of each.

    Windows that reach `halo` rows see every row of the image but the outermost `halo` as a center
    once. Integer sums over bands add up to those of the image.
    """
    height = images[0].shape[-2]
    for top in range(0, height - 2 * halo, ROWS):
        yield tuple(image[..., top : top + ROWS + 2 * halo, :] for image in images)
