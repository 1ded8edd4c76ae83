#!/usr/bin/env python3
"""What timm, torchvision and transformers make of three pictures, for test_recipe.c.

    pip install torch torchvision timm transformers pillow safetensors
    python3 tests/reference/make_recipes.py

writes tests/reference/recipes.safetensors: "vit.61x47", (3, 24, 24): the tensor that a
model for 24 x 24 pixels gets of a picture that is 61 wide and 47 high. The metadata has
the settings that transformers saves beside its weights.
"""
import json
import pathlib

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, create_transform
from torchvision.transforms._presets import ImageClassification
from transformers import DeiTImageProcessor, ViTImageProcessor
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

SIDE = 24
SIZES = [(61, 47), (43, 60), (19, 13)]  # width, height


def picture(width, height):
    """The picture of test_recipe.c: stripes, a slope, and something like noise."""
    y, x, c = np.mgrid[0:height, 0:width, 0:3].astype(np.int64)
    value = 5 * x + 3 * y + 40 * c + (x * x * 7 + y * y * 11 + x * y * 13) % 97
    return Image.fromarray((value % 256).astype(np.uint8), "RGB")


def by_timm(crop, mean, std):
    return create_transform((3, SIDE, SIDE), interpolation="bicubic", mean=mean, std=std,
                            crop_pct=crop, is_training=False)


def processor(cls, **settings):
    made = cls(**settings)
    return lambda image: torch.as_tensor(
        np.asarray(made(image, return_tensors="pt")["pixel_values"][0])), made


half = (0.5, 0.5, 0.5)
hf_vit, vit_settings = processor(ViTImageProcessor, size={"height": SIDE, "width": SIDE})
hf_deit, deit_settings = processor(
    DeiTImageProcessor, size={"height": 28, "width": 28},  # an even border, as 256 - 224
    crop_size={"height": SIDE, "width": SIDE}, image_mean=IMAGENET_DEFAULT_MEAN,
    image_std=IMAGENET_DEFAULT_STD)  # as facebook's files have it
# An odd border of 3, of which their crop leaves 1 before the middle and torchvision's 2.
odd = {"do_center_crop": True, "crop_size": {"height": SIDE, "width": SIDE}}
hf_squash, squash_settings = processor(
    DeiTImageProcessorPil, size={"height": 27, "width": 27}, **odd)
hf_shortest, shortest_settings = processor(
    ViTImageProcessorPil, size={"shortest_edge": 27}, resample=3, **odd)
recipes = {
    "vit": by_timm(0.9, half, half),
    "384": by_timm(1.0, half, half),
    "deit": by_timm(0.9, IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD),
    "torchvision": ImageClassification(crop_size=SIDE, resize_size=27),
    "hf-vit": hf_vit,
    "hf-deit": hf_deit,
    "hf-squash-27": hf_squash,
    "hf-shortest-27": hf_shortest,
}
tensors = {}
for name, transform in recipes.items():
    for width, height in SIZES:
        tensor = transform(picture(width, height)).to(torch.float32).contiguous()
        assert tensor.shape == (3, SIDE, SIDE), (name, tensor.shape)
        tensors[f"{name}.{width}x{height}"] = tensor
metadata = {"hf-vit": vit_settings.to_json_string(),
            "hf-deit": deit_settings.to_json_string(),
            "hf-squash-27": squash_settings.to_json_string(),
            "hf-shortest-27": shortest_settings.to_json_string()}
for text in metadata.values():
    json.loads(text)
path = pathlib.Path(__file__).parent / "recipes.safetensors"
save_file(tensors, path, metadata)
path.chmod(0o644)
