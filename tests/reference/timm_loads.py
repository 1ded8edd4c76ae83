#!/usr/bin/env python3
"""timm_loads.py: does timm load our files with strict=True, and compute the same?

    python3 tests/reference/timm_loads.py FILE[=RESULTS] ...

FILE is a checkpoint of chapter 5, whose weights alone are looked at, or what
./chapter7 --export wrote. timm's model is made from its shapes and texts. RESULTS is
a file of tests/reference/weights: its logits must be timm's within 1e-5.
"""
import sys

import timm
import torch
from safetensors import safe_open
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer


def read(path):
    """{name: tensor}, {key: text}"""
    with safe_open(path, "pt") as file:
        return ({key: file.get_tensor(key) for key in file.keys()},
                file.metadata() or {})


def model_of(tensors, texts):
    """timm's model of these sizes, without weights."""
    width, channels, patch, _ = tensors["patch_embed.proj.weight"].shape
    distilled = "dist_token" in tensors
    arguments = {
        "img_size": (int(texts["height"]), int(texts["width"])),
        "patch_size": patch, "in_chans": channels, "embed_dim": width,
        "num_heads": int(texts["heads"]),
        "depth": len([key for key in tensors if key.endswith("norm1.weight")]),
        "mlp_ratio": tensors["blocks.0.mlp.fc1.weight"].shape[0] / width,
        "num_classes": tensors["head.weight"].shape[0],
        "norm_layer": lambda size, **_: torch.nn.LayerNorm(
            size, eps=float(texts.get("layer_norm_eps", 1e-6)))}
    if not distilled:
        mean = "fc_norm.weight" in tensors or texts["pool"] == "1"
        arguments.update(global_pool="avg" if mean else "token",
                         fc_norm="fc_norm.weight" in tensors,
                         class_token="cls_token" in tensors)
    return (VisionTransformerDistilled if distilled else VisionTransformer)(**arguments)


def check(path, results):
    tensors, texts = read(path)
    weights = {key: value for key, value in tensors.items()
               if not key.startswith("adamw.")}
    model = model_of(weights, texts)
    model.load_state_dict(weights, strict=True)
    if not results:
        print("timm %s loads %s" % (timm.__version__, path))
        return
    wanted = read(results)[0]
    with torch.no_grad():
        logits = model.double().eval()(wanted["images"])
    off = (logits - wanted["logits"]).abs().max() / wanted["logits"].abs().max()
    if not off <= 1e-5:
        sys.exit("%s: timm's logits are off by %.1e" % (path, off))
    print("timm %s loads %s: logits agree to %.1e" % (timm.__version__, path, off))


def main():
    if not sys.argv[1:]:
        sys.exit(__doc__)
    for argument in sys.argv[1:]:
        path, _, results = argument.partition("=")
        check(path, results)


if __name__ == "__main__":
    main()
