"""Bytes made from good ones: flipped, cut, repeated, spliced, with numbers that readers trip over."""

from collections.abc import Sequence

from hypothesis import strategies as st

_ODD = [
    value.to_bytes(size, "little", signed=True)
    for size, values in {
        1: (-1, 0, 127),
        2: (-1, 32767),
        4: (-1, 0, 2**31 - 1, -(2**31), 65536),
        8: (-1, 0, 2**31, 2**32 + 8, 2**63 - 1, -(2**63), 10**12),
    }.items()
    for value in values
] + [b'"', b"\n", b"\r", b",", b"\t", b"\x00", b"\xff\xfe", b"[" * 2000, b"{", b"}", b"NaN", b"1e999", b"\xed\xa0\x80"]


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds after one to four changes."""
    content = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        if not content:
            break
        # Headers and what stands at the end of a file are read first, and believed.
        size = len(content)
        near = draw(st.sampled_from(["anywhere", "begin", "end"]))
        span = size if near == "anywhere" else min(size, 256)
        at = draw(st.integers(0, span - 1))
        at = size - 1 - at if near == "end" else at
        kind = draw(
            st.sampled_from(["flip", "flip", "flip", "odd", "odd", "cut", "drop", "repeat", "splice", "random"])
        )
        if kind == "flip":
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "odd":
            value = draw(st.sampled_from(_ODD))
            content[at : at + (len(value) if draw(st.booleans()) else 0)] = value
        elif kind == "cut":
            del content[at:]
        elif kind == "drop":
            del content[at : at + draw(st.integers(1, 64))]
        elif kind == "repeat":
            content[at:at] = content[at : at + draw(st.integers(1, 64))] * draw(st.sampled_from([1, 2, 100]))
        elif kind == "splice":
            other = draw(st.sampled_from(seeds))
            content[at:] = other[min(at, len(other)) :]
        else:
            content[at:at] = draw(st.binary(max_size=16))
        del content[1_000_000:]
    return bytes(content)
