"""The files that customers send: one small sample of each kind."""

import base64
import hashlib
from dataclasses import dataclass

# Eight by eight light pixels: the only sample that has to open, because screens show it.
_JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123251d28"
    "3a333d3c3933383740485c4e404457453738506d51575f626768673e4d71797064785c656763ffc0000b080008000801011100"
    "ffc40014000100000000000000000000000000000006ffc40014100100000000000000000000000000000000ffda0008010100"
    "003f0066ffd9"
)


@dataclass(frozen=True, slots=True)
class Media:
    """A file and what a platform says about it."""

    mime_type: str
    suffix: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The digest as WhatsApp writes it."""
        return base64.b64encode(hashlib.sha256(self.content).digest()).decode()


SAMPLES = {
    "image": Media("image/jpeg", "jpg", _JPEG),
    "video": Media("video/mp4", "mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom sandbox video"),
    "audio": Media("audio/mpeg", "mp3", b"ID3\x04\0\0\0\0\0\0 sandbox audio"),
    "voice": Media("audio/ogg; codecs=opus", "ogg", b"OggS\0\x02 sandbox voice"),
    "document": Media("application/pdf", "pdf", b"%PDF-1.4\n% sandbox document\n%%EOF\n"),
    "sticker": Media("image/webp", "webp", b"RIFF\x18\0\0\0WEBP sandbox sticker"),
}
