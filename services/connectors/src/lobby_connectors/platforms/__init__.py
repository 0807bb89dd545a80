"""One folder per platform; `registry.PLATFORMS` is the only list of them."""
