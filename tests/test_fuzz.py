"""Fuzzing in the suite: hypothesis mutates sound inputs of all that is read from strangers; see bench/fuzz.py."""

from __future__ import annotations

import random

import pytest
from fuzz_targets import targets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from face3d_live.errors import Face3DError

TARGETS = targets()
PIECES = st.sampled_from([
    b"\0", b"\xff\xff\xff\xff", b"-1", b"1e999", b"9" * 400, b"NaN", b"\\ud800", b"\\u0000", b"[" * 2000, b"}", b'"',
    b"\r\n\r\n", b"--abc", b"null", b"true", b"../", b"%00", b"a=mid:", b"m=video 9 ", b"\xed\xa0\x80", b"-0.0",
])  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_sound_inputs_are_read(name):
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs_are_read_or_refused(name):
    target = TARGETS[name]

    @settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def mutate(data: st.DataObject) -> None:
        made = bytearray(data.draw(st.sampled_from(target.seeds)))
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(st.integers(0, len(made)))
            length = data.draw(st.sampled_from([0, 0, 1, 2, 8, 100, 5000]))
            made[start : start + length] = data.draw(PIECES | st.binary(max_size=12) | st.just(bytes(made[:200])))
        try:
            target.run(bytes(made))
        except Face3DError as error:
            assert error.code and len(error.message) > 10

    mutate()


@pytest.mark.parametrize("name", TARGETS)
def test_noise_and_nothing_are_refused(name):
    for length in (0, 1, 3, 17, 1000):
        for seed in range(3):
            noise = random.Random(seed).randbytes(length)
            for data in (noise, noise.hex().encode(), TARGETS[name].seeds[0][:length] + noise):
                try:
                    TARGETS[name].run(data)
                except Face3DError:
                    continue
