"""int8 by torchao: what calibration is fed, and the proof that products run in int8. Slow tests run real models."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from support.evidence import make_candidate

from selector.errors import FallbackError
from selector.optimizations.calibration import Calibration
from selector.optimizations.torchao import _batches, refuse_float_products


def test_products_that_stay_in_float_are_a_fallback():
    refuse_float_products({"qconv_unary_lower_count": 17, "qlinear_unary_lower_count": 1, "extern_calls": 18}, 18)
    refuse_float_products({"qconv2d_binary_lower_count": 5, "qconv_weight_prepack_matcher_count": 40}, 10)
    with pytest.raises(FallbackError, match="asked for int8, 4 of 10 convolutions"):
        refuse_float_products({"qconv_unary_lower_count": 4, "qconv_unary_lower_nodes": 9}, 10)
    with pytest.raises(FallbackError, match="0 of 0"):
        refuse_float_products({}, 0)


def test_calibration_images_come_in_whole_batches():
    images = [np.full((1, 3, 2, 2), value, np.float32) for value in range(5)]
    candidate = dataclasses.replace(make_candidate(), batch_size=3)
    bench = SimpleNamespace(candidate=candidate, calibration=Calibration("key", lambda: iter(images)))
    found = [batch[:, 0, 0, 0].tolist() for batch in _batches(bench)]
    assert found == [[0, 1, 2], [3, 4, 3]]
