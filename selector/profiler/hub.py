"""Whether published weights can be had: from timm's cache on this machine, or from the model hub.

Imports the hub's client but neither torch nor timm. Mirrors, tokens and caches are the client's own settings.
"""

from __future__ import annotations

from selector.types import ModelFacts

_PROBE_SECONDS = 5.0


def unreachable(facts: ModelFacts) -> str | None:
    """Why the hub cannot be asked for a model's weights, or None when it can. Asks once, for at most 5 s.

    Args:
        facts: Any model that timm publishes there.
    """
    import huggingface_hub
    import huggingface_hub.constants
    import huggingface_hub.errors

    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        huggingface_hub.HfApi().model_info(_repository(facts), timeout=_PROBE_SECONDS)
    except huggingface_hub.errors.RepositoryNotFoundError:
        return None  # the hub answered; whether it has this model is told when its weights are fetched
    except _transport_errors() as error:
        return f"the model hub could not be reached ({type(error).__name__})"
    return None


def cached(facts: ModelFacts) -> bool:
    """Whether the weights lie in the hub client's cache on this machine."""
    import huggingface_hub

    names = ("model.safetensors", "pytorch_model.bin")
    return any(isinstance(huggingface_hub.try_to_load_from_cache(_repository(facts), name), str) for name in names)


def _repository(facts: ModelFacts) -> str:
    """Where timm publishes a model: under its full name."""
    return f"timm/{facts.name}"


def _transport_errors() -> tuple[type[Exception], ...]:
    """What the client's HTTP library raises; which library that is has changed between its versions."""
    import importlib
    import importlib.util

    from huggingface_hub.errors import HfHubHTTPError

    found: list[type[Exception]] = [OSError, HfHubHTTPError]
    for library, name in (("httpx2", "HTTPError"), ("httpx", "HTTPError"), ("requests", "RequestException")):
        if importlib.util.find_spec(library) is not None:
            found.append(getattr(importlib.import_module(library), name))
    return tuple(found)
