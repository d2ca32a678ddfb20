"""Which image files are taken, and of what size."""

from dataclasses import dataclass
from typing import Literal

from gpu_metrics.errors import InputError

# of an image whose size nothing foretells; a decoder may need some 32 bytes for each
MAX_PIXELS = 1 << 26

_KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP"}


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done with image files that are valid and yet not plain 8-bit RGB.

    "official" takes whatever the organisers' OpenCV reads, with its pixels: 16 bits cut to 8, grey
    and palettes expanded, alpha dropped, EXIF orientation applied, any format whatever the name.
    "strict" takes 8-bit RGB without alpha, as PNG, or as JPEG and BMP where `extensions` has them,
    and ignores metadata. Both refuse what is damaged, and animated PNGs: which of their pixels
    OpenCV gives depends on its version.
    """

    decoding: Literal["official", "strict"] = "official"
    extensions: tuple[str, ...] = (".png",)

    @property
    def strict(self) -> bool:
        """Whether only plain images are taken."""
        return self.decoding == "strict"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The formats taken when strict."""
        return tuple(dict.fromkeys(_KINDS[e] for e in self.extensions if e in _KINDS))


def check_size(
    width: int, height: int, size: tuple[int, int] | None, *, turned: bool = False
) -> None:
    """Raise InputError unless an image is as large as the reference.

    Args:
        width, height: Of the image, in pixels.
        size: Width and height of the reference; None sets only a bound, `MAX_PIXELS`.
        turned: Whether a quarter turn may still make it fit.
    """
    if size is None:
        if width * height > MAX_PIXELS:
            raise InputError(f"{width} x {height} pixels; at most {MAX_PIXELS} are read")
        return
    swapped = (height, width) == size
    if (width, height) == size or (turned and swapped):
        return
    hint = "; width and height swapped?" if swapped else ""
    raise InputError(f"{width} x {height}, the reference is {size[0]} x {size[1]}{hint}")
