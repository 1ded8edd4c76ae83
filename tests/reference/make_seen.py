#!/usr/bin/env python3
"""make_seen.py: what others' programs see in a picture with make_weights.py's models.

    python3 tests/reference/make_seen.py

writes tests/reference/seen.txt, for tests/test_chapter7.sh: of each model, with which
recipe, the classes from the most likely to the least, and their probabilities. Pixels
are PIL's and timm's or torchvision's, the models timm's, torchvision's, transformers'.
"""
import json
import pathlib

import timm
import torch
import torchvision
import transformers
from PIL import Image
from safetensors.torch import load_file
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torchvision.transforms._presets import ImageClassification

HERE = pathlib.Path(__file__).parent
PICTURES = ["colour_420.jpg", "colour_alpha_16.png"]
SIDE = 12
IMAGENET = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
HALF = dict(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def by_timm(**norm):
    return timm.data.create_transform((3, SIDE, SIDE), interpolation="bicubic",
                                      crop_pct=0.9, **norm)


def timm_model(maker):
    return maker(img_size=SIDE, patch_size=4, embed_dim=12, depth=2, num_heads=3,
                 mlp_ratio=20 / 12, num_classes=5)


def torchvision_model():
    return torchvision.models.VisionTransformer(
        image_size=SIDE, patch_size=4, num_layers=2, num_heads=3, hidden_dim=12,
        mlp_dim=20, num_classes=5)


def transformers_model():
    said = json.loads((HERE / "weights/transformers_vit_later_names/config.json")
                      .read_text(encoding="utf-8"))
    return transformers.ViTForImageClassification(transformers.ViTConfig(**said))


def squash(image):
    """As transformers' ViTImageProcessor did it with PIL."""
    small = image.resize((SIDE, SIDE), Image.BILINEAR)
    return (torchvision.transforms.functional.to_tensor(small) - 0.5) / 0.5


CASES = [
    ("timm_class", "vit", by_timm(**HALF), lambda: timm_model(VisionTransformer)),
    ("timm_distilled", "deit", by_timm(**IMAGENET),
     lambda: timm_model(VisionTransformerDistilled)),
    ("torchvision", "torchvision",
     ImageClassification(crop_size=SIDE, resize_size=int(SIDE / 0.875)),
     torchvision_model),
    ("transformers_vit_later_names", "hf-vit", squash, transformers_model),
]

lines = ["# made by make_seen.py: model, recipe, picture, then class and probability\n"]
for name, recipe, transform, make in CASES:
    model = make().double().eval()
    tensors = load_file(HERE / "weights" / name / "model.safetensors")
    tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    model.load_state_dict(tensors, strict=True)
    for picture in PICTURES:
        image = Image.open(HERE / "pictures" / picture).convert("RGB")
        with torch.no_grad():
            made = model(transform(image).double()[None])
        logits = getattr(made, "logits", made)
        p, order = logits.softmax(-1)[0].sort(descending=True)
        lines.append(f"{name} {recipe} {picture}" + "".join(
            f" {k} {x:.6f}" for k, x in zip(order.tolist(), p.tolist())) + "\n")
(HERE / "seen.txt").write_text("".join(lines), encoding="utf-8")
