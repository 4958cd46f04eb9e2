"""params.npz from elsewhere: numbers that are none, shapes that lie, archives that unpack to too much."""

import io
import zipfile

import numpy as np
import pytest
from takes_support import CAMERA, frames

from face3d_live import arrays
from face3d_live.errors import InputError
from face3d_live.export.params import Params, params_bytes, params_from

SOUND = params_bytes(Params(frames(1)[0].codes, np.zeros((68, 3), np.float32), CAMERA))


def changed(**values):
    stored = dict(np.load(io.BytesIO(SOUND)))
    out = io.BytesIO()
    np.savez(out, **(stored | values))
    return out.getvalue()


@pytest.mark.parametrize("values", [
    {"expression": np.full(52, np.nan)}, {"shape": np.full(80, np.inf)}, {"light": np.full(27, -np.inf)},
    {"landmarks": np.full((68, 3), np.nan)}, {"landmarks": np.zeros((67, 3))}, {"landmarks": np.array("x")},
    {"camera": np.array([np.nan, 1, 1])}, {"camera": np.array([np.inf, 1, 1])}, {"camera": np.array([-1, 1, 1.0])},
    {"camera": np.array([1e300, 1e300, 1e300, 1])}, {"expression": np.zeros((52, 52))},
    {"expression_names": np.zeros(52)}, {"translation": np.zeros(3, complex)}, {"rotation": np.zeros(9)},
])  # fmt: skip
def test_what_is_no_head_is_refused(values):
    with pytest.raises(InputError, match="not-params"):
        params_from(changed(**values))


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked():
    out = io.BytesIO(SOUND)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("more.npy", bytes(11_000_000))
    assert len(out.getvalue()) < 100_000
    with pytest.raises(InputError, match="not-params"):
        params_from(out.getvalue())
    with pytest.raises(ValueError, match="unpacked"):
        arrays.load(io.BytesIO(out.getvalue()), limit=10_000_000)
    assert params_from(SOUND).camera == CAMERA
