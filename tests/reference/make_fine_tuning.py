#!/usr/bin/env python3
"""make_fine_tuning.py: what PyTorch and timm compute of fine-tuning (chapter 7).

    python3 tests/reference/make_fine_tuning.py

needs torch, timm and safetensors. It writes, beside itself:

    sgd.safetensors        the weights after each of five steps of torch.optim.SGD
    positions.safetensors  position embeddings on one grid, and on another

tests/test_sgd.c and tests/test_interpolate.c read them. Everything is in double, but for
timm's interpolation, which is in float; inputs are rounded to float first, so that a
build in float reads the same numbers.
"""

import os

import timm
import torch
from safetensors.torch import save_file
from timm.layers import resample_abs_pos_embed

FOLDER = os.path.dirname(os.path.abspath(__file__))
RATES = [0.5, 0.25, 0.125, 0.3, 0.01]
MOMENTUM = 0.9

# Tokens before the patches, the old grid, the new one, D: as (down, across).
GRIDS = [
    (1, (7, 7), (14, 14), 8),
    (2, (4, 6), (9, 5), 3),
    (0, (3, 2), (7, 10), 5),
    (1, (14, 14), (6, 6), 4),
    (1, (8, 5), (3, 11), 2),
    (1, (1, 1), (2, 3), 4),
    (1, (1, 4), (1, 7), 2),
    (0, (5, 5), (5, 5), 3),
]


def drawn(generator, *shape):
    """Normal numbers, rounded to float."""
    return torch.randn(*shape, generator=generator).double()


def write(name, tensors):
    """One file; it says what made it."""
    text = {"torch": torch.__version__, "timm": timm.__version__}
    path = os.path.join(FOLDER, name + ".safetensors")
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, text)
    print(path, os.path.getsize(path), "bytes")


def make_sgd(generator):
    """Five steps, each at another rate, of two parameters."""
    shapes = {"W": (3, 4), "b": (5,)}
    weights = {k: torch.nn.Parameter(drawn(generator, *s)) for k, s in shapes.items()}
    optimizer = torch.optim.SGD(list(weights.values()), lr=1, momentum=MOMENTUM)
    tensors = {"start." + k: p.detach().clone() for k, p in weights.items()}
    for step, rate in enumerate(RATES):
        optimizer.param_groups[0]["lr"] = rate
        for name, parameter in weights.items():
            parameter.grad = drawn(generator, *shapes[name])
            tensors["gradient%d.%s" % (step, name)] = parameter.grad.clone()
        optimizer.step()
        for name, parameter in weights.items():
            buffer = optimizer.state[parameter]["momentum_buffer"]
            tensors["step%d.%s" % (step, name)] = parameter.detach().clone()
            tensors["momentum%d.%s" % (step, name)] = buffer.clone()
    tensors["rates"] = torch.tensor(RATES, dtype=torch.float64)
    write("sgd", tensors)


def resized(positions, before, old, new, **how):
    """The patches' positions by torch's interpolate, in double."""
    grid = positions[:, before:].reshape(1, *old, -1).permute(0, 3, 1, 2)
    grid = torch.nn.functional.interpolate(grid, size=new, **how)
    grid = grid.permute(0, 2, 3, 1).flatten(1, 2)
    return torch.cat([positions[:, :before], grid], dim=1)


def make_positions(generator):
    """Each grid, by each kind of interpolation."""
    tensors = {}
    for number, (before, old, new, width) in enumerate(GRIDS):
        prefix = "%d." % number
        positions = drawn(generator, 1, before + old[0] * old[1], width)
        tensors[prefix + "from"] = positions
        tensors[prefix + "bicubic"] = resized(
            positions, before, old, new, mode="bicubic", antialias=True,
            align_corners=False)
        tensors[prefix + "bilinear"] = resized(
            positions, before, old, new, mode="bilinear", align_corners=False)
        tensors[prefix + "corners"] = resized(
            positions, before, old, new, mode="bilinear", align_corners=True)
        tensors[prefix + "timm"] = resample_abs_pos_embed(
            positions.float(), new_size=list(new), old_size=list(old),
            num_prefix_tokens=before).float()
    write("positions", tensors)


def main():
    """Both files."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(7)
    make_sgd(generator)
    make_positions(generator)


if __name__ == "__main__":
    main()
