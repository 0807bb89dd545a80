"""Language tags as people and platforms write them, in one spelling."""

from functools import lru_cache


@lru_cache(maxsize=1024)
def canonical(tag: str) -> str:
    """Returns the tag spelt as BCP 47 recommends ("ZH_hans_cn" is "zh-Hans-CN"); its parts are not looked up."""
    parts = tag.strip().replace("_", "-").split("-")
    spelt = [parts[0].lower()]
    for part in parts[1:]:
        if len(part) == 4 and part.isalpha():  # noqa: PLR2004  # scripts have four letters
            spelt.append(part.title())
        elif len(part) == 2 and part.isalpha():  # noqa: PLR2004  # regions have two letters
            spelt.append(part.upper())
        else:
            spelt.append(part.lower())
    return "-".join(part for part in spelt if part)


def canonical_list(tags: list[str]) -> tuple[str, ...]:
    """Returns the tags in one spelling, each once, the first preferred."""
    return tuple(dict.fromkeys(spelt for spelt in map(canonical, tags) if spelt))
