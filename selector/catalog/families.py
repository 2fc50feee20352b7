"""Short names of timm's model modules: what the catalog calls a family."""

from __future__ import annotations

SHORT_NAMES = {
    "swin_transformer": "swin",
    "swin_transformer_v2": "swinv2",
    "swin_transformer_v2_cr": "swinv2_cr",
    "vision_transformer": "vit",
    "vision_transformer_hybrid": "vit_hybrid",
    "vision_transformer_relpos": "vit_relpos",
    "vision_transformer_sam": "vit_sam",
}
"""timm's module to the family's name, where they differ."""


def short_name(module: str) -> str:
    """The family of the models in timm's module `module`; families stay what they are."""
    return SHORT_NAMES.get(module, module)
