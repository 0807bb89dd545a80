"""Pictures that nobody took, for tests."""

import io
from random import Random

from PIL import Image


def picture(seed: int, size: int = 320, form: str = "JPEG") -> bytes:
    """Returns a file that shows the same for the same seed, in any size and form."""
    random = Random(seed)
    small = Image.frombytes("L", (9, 8), bytes(random.randrange(256) for _ in range(72)))
    shown = small.resize((size, size), Image.Resampling.BICUBIC).convert("RGB")
    file = io.BytesIO()
    shown.save(file, form, **({"quality": 70} if form == "JPEG" else {}))
    return file.getvalue()
