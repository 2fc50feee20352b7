"""Own weights: a local file read safely and laid onto timm's names, or refused with what does not fit.

A ``.safetensors`` file holds tensors only; a pickle is read with torch's ``weights_only``, which runs no code.
"""

from __future__ import annotations

import hashlib
import pickle
import warnings
from collections.abc import Mapping, Sequence
from functools import cache as remembered
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.errors import UsageError, excerpt

if TYPE_CHECKING:
    import torch

Tensors = Mapping[str, "torch.Tensor"]

_NESTS = ("state_dict_ema", "model_ema", "state_dict", "model")
"""Entries of a training's file that hold the weights. The averaged ones (EMA) are what timm and most trainings
evaluate, so they come first."""
_PREFIXES = ("module.", "model.")
_COUNTED = "num_batches_tracked"
"""How often a BatchNorm was updated: inference reads it nowhere, and many files leave it out."""
_ROLES = ("weight", "bias", "running_mean", "running_var")
_NAMED = 8


def sha256_of(path: str) -> str:
    """Hash of a file's content, taken again when its size or time of change differs.

    Raises:
        UsageError: There is no such file, or it cannot be read.
    """
    try:
        about = Path(path).stat()
        return _sha256(path, about.st_size, about.st_mtime_ns)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"candidates.checkpoints: the weights {excerpt(path)} cannot be read: {reason}; write the path of a "
            ".safetensors or .pth file as seen from the working folder"
        ) from None


@remembered
def _sha256(path: str, _size: int, _changed: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file by name, out of whatever a training wrapped them in.

    Raises:
        UsageError: It is no such file, or a pickle that would have to run code to be read.
    """
    content = _read(path)
    for nest in _NESTS:
        inner = content.get(nest)
        if isinstance(inner, Mapping) and _tensors(inner):
            content = inner
            break
    found = _tensors(content)
    if not found:
        raise UsageError(f"the weights {path} hold no tensors by name; save the model's state_dict()")
    for prefix in (*_PREFIXES, *_PREFIXES):  # one may stand before the other
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return found


def _read(path: Path) -> Mapping[str, Any]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            tensors: dict[str, torch.Tensor] = load_file(path)
            return tensors
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols; what cannot be read is refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UsageError(
            f"the weights {path} hold more than tensors, and reading them would run code of the file; save only the "
            "weights: torch.save(model.state_dict(), FILE), or safetensors.torch.save_file"
        ) from None
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, KeyError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(f"the weights {path} cannot be read ({said}); are they .safetensors or .pth?") from None
    return content if isinstance(content, Mapping) else {}


def _tensors(content: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    import torch

    return {str(name): tensor for name, tensor in content.items() if isinstance(tensor, torch.Tensor)}


def match(given: Tensors, wanted: Tensors, what: str) -> tuple[dict[str, torch.Tensor], bool]:
    """The given tensors under the wanted names.

    By name where every name is there with its shape; else by order, which is safe only where the number, and one
    after the other the shapes and the roles (weight, bias, running_mean, running_var), are the same.

    Args:
        given: As the file names them, in its order.
        wanted: As the model names them, in its order.
        what: The file and the model, for messages.

    Returns:
        All that the model wants, and whether it was matched by order.

    Raises:
        UsageError: They do not fit; the message names what is missing, unexpected, or of another shape.
    """
    ours = [name for name in wanted if not name.endswith(_COUNTED)]
    theirs = [name for name in given if not name.endswith(_COUNTED)]
    counted = {name: wanted[name] for name in wanted if name.endswith(_COUNTED)}
    if set(ours) == set(theirs):
        off = [name for name in ours if given[name].shape != wanted[name].shape]
        if off:
            raise UsageError(f"{what} do not fit: another shape has {_shapes(off, given, wanted)}")
        return {**counted, **{name: given[name] for name in ours}}, False
    pairs = list(zip(ours, theirs, strict=False))
    alike = len(ours) == len(theirs) and all(
        wanted[our].shape == given[their].shape and _role(our) == _role(their) for our, their in pairs
    )
    # With most names known, a file in another naming is less likely than one with layers renamed or exchanged.
    if alike and not set(ours) & set(theirs):
        return {**counted, **{our: given[their] for our, their in pairs}}, True
    missing = [name for name in ours if name not in given]
    unexpected = [name for name in theirs if name not in wanted]
    off = [name for name in ours if name in given and given[name].shape != wanted[name].shape]
    said = [f"missing {_some(missing)}", f"unexpected {_some(unexpected)}"]
    said += [f"another shape has {_shapes(off, given, wanted)}"] if off else []
    raise UsageError(f"{what} do not fit: {'; '.join(said)}")


def _role(name: str) -> str:
    last = name.rpartition(".")[2]
    return last if last in _ROLES else ""


def _some(names: Sequence[str]) -> str:
    """Names for a message: the first few of many."""
    if not names:
        return "nothing"
    shown = ", ".join(excerpt(name) for name in names[:_NAMED])
    more = len(names) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _shapes(names: Sequence[str], given: Tensors, wanted: Tensors) -> str:
    told = [f"{name} ({_shape(given[name])}, {_shape(wanted[name])} is wanted)" for name in names[:_NAMED]]
    return ", ".join(told) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _shape(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "scalar"
