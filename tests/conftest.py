"""What every test gets: no model hub, an artifact cache of its own, no colours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("selector", deadline=None)  # the machine may be busy
settings.load_profile("selector")


@pytest.fixture(scope="session", autouse=True)
def _session_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests never ask the hub, and never read or fill the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("SELECTOR_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("NO_COLOR", "1")
        patch.delenv("SELECTOR_STORE", raising=False)
        patch.delenv("SELECTOR_FAKE_FAULTS", raising=False)
        yield
