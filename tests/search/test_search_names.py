"""Names in a profile that nobody has are told where they stand, all at once."""

from __future__ import annotations

import pytest

from selector.errors import ProfileError
from selector.requirements import load_profile, parse_profile
from selector.search.names import unknown_names

WRONG = """\
name: wrong
workload: {task: image-classification}
objective: {minimize: latency_p50}
candidates:
  models: ["nosuchmodel_*", resnet81, resnet18]
  families: [swinn]
  exclude: ["zzz*"]
  optimizations: [eagr, "openvino*"]
evaluation: {strategy: autto}
"""


def test_every_unknown_name_is_told_in_its_place() -> None:
    with pytest.raises(ProfileError) as raised:
        parse_profile(WRONG, "wrong.yaml", unknown_names)
    found = [(one.line, one.column, one.message, one.suggestion) for one in raised.value.problems]
    assert found == [
        (5, 12, "unknown model 'nosuchmodel_*'", "`selector models` lists them"),
        (5, 29, "unknown model 'resnet81'", "did you mean 'resnet18'?"),
        (6, 14, "unknown family 'swinn'", "did you mean 'swin'?"),
        (7, 13, "unknown model 'zzz*'", "`selector models` lists them"),
        (8, 19, "unknown optimization 'eagr'", "did you mean 'eager'?"),
        (9, 24, "unknown strategy 'autto'", "did you mean 'auto'?"),
    ]
    assert "wrong.yaml:5:29: unknown model 'resnet81'" in str(raised.value)


@pytest.mark.parametrize("name", ["quickstart", "cloud_api"])
def test_bundled_profiles_name_what_exists(name: str) -> None:
    assert load_profile(name, unknown_names) == load_profile(name)
