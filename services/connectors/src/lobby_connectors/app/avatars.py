"""What a customer's picture looks like, in 64 bits: the picture itself is personal, and is not kept."""

import io
import itertools
import struct

from PIL import Image

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_WIDTH, _HEIGHT = 9, 8
_MOST_PIXELS = 4_096 * 4_096
_LEAST_CONTRAST = 16
"""Of 255, from the darkest part to the brightest: what has less shows nothing."""
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_UNREADABLE = (OSError, ValueError, SyntaxError, struct.error, EOFError, *_BOMBS)
"""What Pillow raises on files that are broken, of another format, or far too large."""


def hash_of(picture: bytes) -> str:
    """Returns the difference hash (dHash) of a picture, 16 hexadecimal digits; "" where it shows nothing, or is none.

    The picture is made 9 pixels wide and 8 high, in grey; a bit says that a pixel is darker than the next one in its
    row. So size, compression and brightness change few bits, and another picture changes half of them. Krawetz,
    "Kind of Like That", 2013.
    """
    if not picture:
        return ""
    try:
        with Image.open(io.BytesIO(picture), formats=_FORMATS) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                return ""
            opened.draft("L", (_WIDTH * 8, _HEIGHT * 8))
            grey = opened.convert("L").resize((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS)
    except _UNREADABLE:
        return ""
    pixels = grey.tobytes()
    if max(pixels) - min(pixels) < _LEAST_CONTRAST:
        return ""
    rows = (pixels[start : start + _WIDTH] for start in range(0, len(pixels), _WIDTH))
    bits = "".join("01"[left < right] for row in rows for left, right in itertools.pairwise(row))
    return f"{int(bits, 2):016x}"
