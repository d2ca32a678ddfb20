"""Image files as 8-bit pixels: checked first, then decoded where that is safe."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import UInt8

from gpu_metrics.errors import InputError
from gpu_metrics.intake import png
from gpu_metrics.intake.bmp import read_bmp
from gpu_metrics.intake.isolated import WORKERS
from gpu_metrics.intake.jpeg import read_jpeg
from gpu_metrics.intake.kinds import IMAGES, kind_of, with_article
from gpu_metrics.intake.policy import MAX_PIXELS, Policy, check_size
from gpu_metrics.versions import installed_version

try:
    import imgread
except ImportError:
    imgread = None  # type: ignore[assignment]

# flags of cv2.imdecode, which only the decoding processes import
_GREY, _COLOR, _UNTURNED = 0, 1, 128
# chunks that would change colors if they were obeyed
_COLOR_CHUNKS = ("cHRM", "cICP", "gAMA", "iCCP", "tRNS")


# what may decode an image, and the versions here
DECODERS = {
    "imgread": installed_version("imgread") or "absent",
    "deflate": installed_version("deflate") or "absent",
    "opencv": installed_version(
        "opencv-python-headless",
        "opencv-python",
        "opencv-contrib-python-headless",
        "opencv-contrib-python",
    )
    or "absent",
}

OFFICIAL = Policy()


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels of an image file, RGB, with the decoder that gave them and remarks on the file."""

    pixels: UInt8[np.ndarray, "H W 3"]
    decoder: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Checked:
    """A file that passed its checks, and how to go on with it.

    `pixels` bounds its size, `prepare` gives what a decoder may see, `flags` are those for OpenCV;
    `plain` says that imgread decodes it to the same bits, `grey` that its channels are equal then.
    """

    pixels: int
    notes: tuple[str, ...]
    prepare: Callable[[], bytes]
    flags: int = _COLOR
    plain: bool = False
    grey: bool = False


def decode(data: bytes, *, policy: Policy, size: tuple[int, int] | None = None) -> Decoded:
    """The image in a file, 8-bit RGB.

    Damage is refused under any policy: checksums, lengths and the order of parts are checked before
    a decoder sees the file. The rows of PNGs are inflated by libdeflate, as many bytes as the
    header asks for, and those of up to 8 bits unfiltered by imgread, in memory-safe code; all else
    is decoded by OpenCV in a process of its own.

    Args:
        data: The whole file.
        policy: What to do with files that are valid and yet not plain 8-bit RGB.
        size: Width and height that the image must have; None bounds only its pixels.

    Raises:
        InputError: There is no such image in `data`; the message names no path.
        EngineError: The process that decodes cannot be started.
    """
    checked = _check(data, policy, size)
    pixels, decoder = _decoded(checked)
    check_size(pixels.shape[1], pixels.shape[0], size)
    dark = () if pixels.max() > 1 else ("no value is above 1; expected 0..255",)
    return Decoded(pixels, decoder, (*checked.notes, *dark))


def decode_mask(data: bytes) -> UInt8[np.ndarray, "H W"]:
    """The grey values of a mask in 0..255, as OpenCV reads them; zeros and ones are scaled up."""
    checked = _check(data, OFFICIAL, None)
    if checked.plain and checked.grey:
        grey = np.ascontiguousarray(_decoded(checked)[0][..., 0])
    else:
        grey, _ = WORKERS.decode(checked.prepare(), flags=_GREY, pixels=checked.pixels)
    return grey * np.uint8(255) if grey.max() <= 1 else grey


def inspect(
    data: bytes, *, policy: Policy, size: tuple[int, int] | None = None, deep: bool = False
) -> tuple[str, ...]:
    """Remarks on an image file that passes the checks of `decode`.

    Args:
        data, policy, size: As for `decode`.
        deep: Decode it, too; without, image data are held against their checksums alone.

    Raises:
        InputError: As for `decode`.
    """
    if deep:
        return decode(data, policy=policy, size=size).notes
    return _check(data, policy, size).notes


def _check(data: bytes, policy: Policy, size: tuple[int, int] | None) -> _Checked:
    if not data:
        raise InputError("empty file")
    kind = kind_of(data)
    if kind not in (policy.kinds if policy.strict else IMAGES):
        wanted = " or ".join(policy.kinds) if policy.strict else "an image"
        found = f"this is {with_article(kind)} file renamed" if kind else "not an image file"
        raise InputError(f"{found}; expected {wanted}" if kind or policy.strict else found)
    match kind:
        case "PNG":
            return _check_png(data, policy, size)
        case "JPEG":
            return _check_jpeg(data, policy, size)
        case "BMP":
            return _check_bmp(data, policy, size)
    # its header is left to the process that decodes it, within the memory such an image may take
    pixels = size[0] * size[1] if size else MAX_PIXELS
    return _Checked(pixels, (), lambda: data)


def _check_png(data: bytes, policy: Policy, size: tuple[int, int] | None) -> _Checked:
    header = png.Header.parse(data)
    check_size(header.width, header.height, size, turned=not policy.strict)
    if policy.strict and (header.depth, header.color) != (8, 2):
        raise InputError(f"{header.form} PNG; expected 8-bit RGB")
    chunks = png.read_chunks(data, header)
    turned = chunks.exif is not None and not policy.strict
    check_size(header.width, header.height, size, turned=turned)
    ignored = [name for name in chunks.others if name in _COLOR_CHUNKS]
    if chunks.exif is not None and policy.strict:
        ignored.append("eXIf")
    notes = [
        *(["16 bits cut to 8"] if header.depth == 16 else []),
        *(["grey read as RGB"] if header.color in (0, 4) else []),
        *(["palette expanded"] if header.color == 3 else []),
        *(["alpha dropped"] if header.color in (4, 6) else []),
        *([f"ignored: {', '.join(ignored)}"] if ignored else []),
        *_after_its_end(chunks.trailing),
    ]

    def prepare() -> bytes:
        raw = png.inflate(header, chunks.compressed)
        return png.stored(header, chunks, raw, exif=turned)

    return _Checked(
        header.width * header.height,
        tuple(notes),
        prepare,
        plain=header.depth <= 8 and not turned,
        grey=header.color == 0,
    )


def _check_jpeg(data: bytes, policy: Policy, size: tuple[int, int] | None) -> _Checked:
    jpeg = read_jpeg(data, partial(check_size, size=size, turned=not policy.strict))
    if policy.strict and not jpeg.plain:
        raise InputError(f"{jpeg.form} JPEG; expected 8-bit color")
    turned = jpeg.exif and not policy.strict
    check_size(jpeg.width, jpeg.height, size, turned=turned)
    notes = [
        *(["grey read as RGB"] if jpeg.components == 1 else []),
        *(["CMYK converted to RGB"] if jpeg.components == 4 else []),
        *(["ignored: EXIF"] if jpeg.exif and policy.strict else []),
        *_after_its_end(jpeg.trailing),
    ]
    flags = _COLOR | (_UNTURNED if policy.strict else 0)
    return _Checked(jpeg.width * jpeg.height, tuple(notes), lambda: data, flags=flags)


def _check_bmp(data: bytes, policy: Policy, size: tuple[int, int] | None) -> _Checked:
    bmp = read_bmp(data)
    check_size(bmp.width, bmp.height, size)
    if policy.strict and not bmp.plain:
        raise InputError(f"{bmp.form} BMP; expected 24-bit")
    return _Checked(bmp.width * bmp.height, _after_its_end(bmp.trailing), lambda: data)


def _after_its_end(trailing: int) -> tuple[str, ...]:
    return (f"ignored: {trailing} bytes after its end",) if trailing else ()


def _decoded(checked: _Checked) -> tuple[UInt8[np.ndarray, "H W 3"], str]:
    content = checked.prepare()
    if checked.plain and imgread is not None:
        try:
            return imgread.load_numpy_from_bytes(content), f"imgread {imgread.__version__}"
        except (RuntimeError, ValueError):
            # beyond its bounds on size
            pass
    return WORKERS.decode(content, flags=checked.flags, pixels=checked.pixels)
