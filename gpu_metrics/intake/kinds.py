"""What kind of file some bytes are, told by how they begin; names are never asked."""

_IMAGES = (
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"\x59\xa6\x6a\x95", "Sun raster"),
    *((b"P%c" % digit, "PNM") for digit in b"1234567fF"),
)
_OTHERS = (
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"\x93NUMPY", "NumPy"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"%PDF-", "PDF"),
)
_TEXTS = ((b"<!doctype html", "HTML"), (b"<html", "HTML"), (b"<svg", "SVG"), (b"<?xml", "XML"))
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"mif1": "AVIF", b"heic": "HEIC", b"heix": "HEIC"}

# kinds that OpenCV may be able to read
IMAGES = frozenset({kind for _, kind in _IMAGES} | {"WebP", "AVIF"})


def kind_of(data: bytes) -> str | None:
    """The name of a format, as people write it ("PNG", "JPEG", "zip", "HTML"); None if unknown."""
    for beginning, kind in (*_IMAGES, *_OTHERS):
        if data.startswith(beginning):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12])
    if data[257:262] == b"ustar":
        return "tar"
    text = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((kind for beginning, kind in _TEXTS if text.startswith(beginning)), None)


def with_article(kind: str) -> str:
    """A kind as it stands in a sentence: "a PNG", "an HTML"."""
    return f"{'an' if kind[0] in 'AHOSX' else 'a'} {kind}"
