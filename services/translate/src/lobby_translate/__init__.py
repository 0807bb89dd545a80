"""The languages: detection, memory, glossaries and providers."""
