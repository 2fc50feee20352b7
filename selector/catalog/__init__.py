"""Which models exist, and what is known of them before anything runs.

The tables stand in the folder `data/`; they are read with the csv module in some tens of milliseconds, without
torch or timm::

    catalog = load_catalog()
    facts = catalog.facts("resnet18")          # timm's default weights of it: resnet18.a1_in1k
    models = catalog.select(["swin_*", "convnext_*.fb_in22k_ft_in1k"], ["vit"], exclude=["*_xxlarge*"])
"""

from selector.catalog.catalog import Catalog
from selector.catalog.listing import (
    COLUMNS,
    DEFAULT_DATASET,
    Column,
    ModelFilter,
    list_models,
    published_datasets,
    published_top1,
    published_top5,
)
from selector.catalog.tables import load_catalog

__all__ = [
    "COLUMNS",
    "DEFAULT_DATASET",
    "Catalog",
    "Column",
    "ModelFilter",
    "list_models",
    "load_catalog",
    "published_datasets",
    "published_top1",
    "published_top5",
]
