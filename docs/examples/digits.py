"""Three tiny models fine-tuned on scikit-learn's handwritten digits: own weights for own images, in about a minute.

    python docs/examples/digits.py        # writes digits/train, digits/test and digits/*.safetensors
    selector evaluate docs/examples/digits.yaml

The images stand for a private data set: 1,797 digits of 8 × 8 pixels, a folder for each class. A quarter is kept for
the test, which no model sees in training.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

MODELS = ("test_resnet", "test_convnext", "test_mambaout")
SIZE = 32
_BATCH, _RATE = 64, 2e-3


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the images, trains, and writes the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("digits"))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--models", nargs="*", default=MODELS)
    given = parser.parse_args(arguments)
    digits = load_digits()
    parts = train_test_split(digits.images, digits.target, test_size=0.25, random_state=0, stratify=digits.target)
    train, test, train_labels, test_labels = parts
    write(given.folder / "train", train, train_labels)
    write(given.folder / "test", test, test_labels)
    for name in given.models:
        model = fine_tune(name, given.folder / "train", given.epochs)
        save_file(model.state_dict(), given.folder / f"{name}.safetensors")
        right = accuracy(model, given.folder / "test")
        print(f"{name}: {100 * right:.1f} % of the test images right")


def write(folder: Path, images: Iterable[np.ndarray], labels: Iterable[int]) -> None:
    """A folder for each class, as torchvision's ImageFolder has it."""
    for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        file = folder / str(label) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        grey = Image.fromarray((pixels * 255 / 16).astype(np.uint8))
        grey.resize((SIZE, SIZE), Image.Resampling.BICUBIC).convert("RGB").save(file)


def fine_tune(name: str, folder: Path, epochs: int) -> torch.nn.Module:
    """The model trained on the images of a folder, as it will see them: by its own evaluation transform."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=10)
    images, labels = load(model, folder)
    optimizer = torch.optim.AdamW(model.parameters(), _RATE, weight_decay=0.05)
    steps = epochs * -(-len(images) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    model.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(images)).split(_BATCH):
            loss = torch.nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def accuracy(model: torch.nn.Module, folder: Path) -> float:
    """Share of a folder's images whose class comes first."""
    images, labels = load(model, folder)
    with torch.inference_mode():
        return float((model(images).argmax(dim=1) == labels).float().mean())


def load(model: torch.nn.Module, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """All images of a folder as the model wants them, and their classes."""
    config = timm.data.resolve_data_config({"input_size": (3, SIZE, SIZE)}, model=model)
    transform = timm.data.create_transform(**config, is_training=False)
    files = sorted(folder.glob("*/*.png"))
    images = torch.stack([transform(Image.open(file).convert("RGB")) for file in files])
    return images, torch.tensor([int(file.parent.name) for file in files])


if __name__ == "__main__":
    main()
