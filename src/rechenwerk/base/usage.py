"""What a call used, in disjoint buckets: no token is counted in two of them."""

from __future__ import annotations

import msgspec

BUCKETS = ("input", "cached_input", "cache_write", "output", "reasoning", "images", "seconds", "requests")


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Disjoint counts of one call.

    `input` never contains `cached_input` or `cache_write`; `output` never contains `reasoning`.
    Tokens for the first five, pieces for images, seconds of audio or compute, number of requests.
    """

    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    images: int = 0
    seconds: int = 0
    requests: int = 1

    def counts(self) -> tuple[int, int, int, int, int, int, int, int]:
        """The buckets in the order of `BUCKETS`."""
        return (
            self.input,
            self.cached_input,
            self.cache_write,
            self.output,
            self.reasoning,
            self.images,
            self.seconds,
            self.requests,
        )

    def weighted(self, weights: tuple[int, int, int, int, int, int, int, int]) -> int:
        """The sum of the buckets, each times its weight; every call is priced by it, so there is no loop."""
        return (
            self.input * weights[0]
            + self.cached_input * weights[1]
            + self.cache_write * weights[2]
            + self.output * weights[3]
            + self.reasoning * weights[4]
            + self.images * weights[5]
            + self.seconds * weights[6]
            + self.requests * weights[7]
        )

    @property
    def tokens(self) -> int:
        """All tokens, in and out, whatever they cost."""
        return self.input + self.cached_input + self.cache_write + self.output + self.reasoning
