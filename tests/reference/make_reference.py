#!/usr/bin/env python3
"""make_reference.py: test vectors from PyTorch, to compare our C layers with.

Everything is computed in float64 by PyTorch's own functions and modules, and
every gradient by its autograd, so nothing here repeats our derivations. Run
from anywhere; the files land beside this script:

    python3 tests/reference/make_reference.py
    python3 tests/reference/make_reference.py --check    write nothing: compare

Inputs and weights come from numpy's RandomState, whose stream is frozen, and
are rounded to float32. So the C code reads exactly the same numbers whether
it was built in float or in double, and what differs is its arithmetic alone.
"""
import collections
import json
import math
import os
import struct
import sys

import numpy
import torch
from torch import nn
from torch.nn import functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 2017
EPSILON = 1e-6  # of layer norm: what ViT's published weights were trained with
SMOOTHING = 0.1
MAX_NORM = 1.0
WEIGHT_DECAY = 0.05
CHECK = sys.argv[1:] == ["--check"]
AGREE = 1e-9  # other versions and other BLAS libraries round otherwise
RATES = [1e-3, 3e-3, 2e-3]  # of AdamW's three steps

# What PyTorch calls the parts of its encoder layer, and what timm does.
TIMM_NAMES = [
    ("self_attn.in_proj_", "attn.qkv."),
    ("self_attn.out_proj.", "attn.proj."),
    ("in_proj_", "attn.qkv."),
    ("out_proj.", "attn.proj."),
    ("linear1.", "mlp.fc1."),
    ("linear2.", "mlp.fc2."),
]


# ---- writing ---------------------------------------------------------------

def read_safetensors(path):
    """{name: array} of a file of F64."""
    with open(path, "rb") as file:
        data = file.read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    del header["__metadata__"]
    return {key: numpy.frombuffer(data[start + at["data_offsets"][0]:
                                       start + at["data_offsets"][1]],
                                  "<f8").reshape(at["shape"])
            for key, at in header.items()}


def compare(name, tensors):
    """Whether name.safetensors has these numbers; else the program ends."""
    there = read_safetensors(os.path.join(HERE, name + ".safetensors"))
    if set(there) != set(tensors):
        sys.exit("%s.safetensors has other tensors" % name)
    worst = 0.0
    for key, value in tensors.items():
        got = torch.as_tensor(value, dtype=torch.float64).detach().numpy()
        want = there[key]
        if got.shape != want.shape:
            sys.exit("%s.safetensors: %s has another shape" % (name, key))
        scale = numpy.maximum(abs(want), math.sqrt((want ** 2).mean()))
        scale = numpy.where(scale > 0, scale, 1)
        error = (abs(got - want) / scale).max()
        if not error <= AGREE:
            sys.exit("%s.safetensors: %s is off by %.1e" % (name, key, error))
        worst = max(worst, error)
    print("%-42s %3d tensors agree to %.1e" % (
        name + ".safetensors", len(tensors), worst))


def write_safetensors(name, tensors):
    """Write {name: tensor} as F64 to name.safetensors beside this script."""
    if CHECK:
        compare(name, tensors)
        return
    header, data = {"__metadata__": {
        "made_by": "tests/reference/make_reference.py",
        "torch": str(torch.__version__),
        "seed": str(SEED),
    }}, b""
    for key, value in tensors.items():
        numbers = torch.as_tensor(value, dtype=torch.float64).detach().numpy()
        assert numbers.ndim >= 1 and numpy.isfinite(numbers).all(), key
        packed = numbers.astype("<f8").tobytes()
        header[key] = {"dtype": "F64", "shape": list(numbers.shape),
                       "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers begin aligned
    path = os.path.join(HERE, name + ".safetensors")
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    print("%-42s %3d tensors %7d bytes" % (
        name + ".safetensors", len(tensors), 8 + len(text) + len(data)))


# ---- numbers ---------------------------------------------------------------

def to_float32(array):
    """The nearest float32 numbers, kept as float64."""
    return numpy.asarray(array).astype(numpy.float32).astype(numpy.float64)


def draw(random, *shape, scale=1.0, shift=0.0):
    """A float64 tensor drawn from N(shift, scale^2), rounded to float32."""
    numbers = random.standard_normal(shape) * scale + shift
    return torch.from_numpy(to_float32(numbers))


def draw_parameters(module, random):
    """Give every parameter random numbers; norms stay near 1 and 0.

    Nothing is left at a value that could hide a mistake: no bias is 0, no
    gamma is 1, the class token is not 0.
    """
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            gamma = "norm" in name and name.endswith("weight")
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 1
            scale = 0.3 if parameter.dim() < 2 else 1 / math.sqrt(fan_in)
            parameter.copy_(draw(random, *parameter.shape,
                                 scale=0.2 if gamma else scale,
                                 shift=1.0 if gamma else 0.0))


def timm_name(name):
    """'blocks.0.linear1.weight' becomes 'blocks.0.mlp.fc1.weight'."""
    for ours, timm in TIMM_NAMES:
        if ours in name:
            return name.replace(ours, timm)
    return name


def parameters_of(module, prefix=""):
    """{timm's name: value} of a module, copied."""
    return {prefix + timm_name(name): parameter.detach().clone()
            for name, parameter in module.named_parameters()}


def gradients_of(module, prefix=""):
    """{'gradient.' + timm's name: gradient} of a module, copied."""
    return {"gradient." + prefix + timm_name(name): parameter.grad.clone()
            for name, parameter in module.named_parameters()}


# ---- one operation each ----------------------------------------------------

def unary(name, function, X, random):
    """Y = function(X) and dX, for a random dY."""
    X = X.clone().requires_grad_()
    Y = function(X)
    dY = draw(random, *Y.shape)
    Y.backward(dY)
    write_safetensors(name, {"X": X, "Y": Y, "dY": dY, "dX": X.grad})


def make_softmax(random):
    """Rows of ordinary, equal, far-apart and very large scores."""
    X = draw(random, 7, 9)
    X[1] *= 10
    X[2] = X[2] + 1000       # exp would overflow without the maximum
    X[3] = X[3] - 1000       # and underflow
    X[4] = 2.5               # uniform
    X[5] = X[5] * 10000      # one-hot
    X[6, 4] = 60             # nearly one-hot
    X = torch.from_numpy(to_float32(X.numpy()))
    unary("softmax", lambda x: F.softmax(x, dim=-1), X, random)


def make_gelu(random):
    """The exact GELU on a grid from -10 to 10, and finely around 0."""
    grid = numpy.linspace(-10, 10, 401), numpy.linspace(-1e-2, 1e-2, 21)
    X = torch.from_numpy(to_float32(numpy.concatenate(grid)).reshape(2, 211))
    unary("gelu", F.gelu, X, random)


def make_layer_norm(random):
    """Two scales: at 'tiny' the variance is about as small as epsilon."""
    D, tensors = 12, {}
    for case, scale in (("ordinary", 1.0), ("tiny", 1e-3)):
        X = draw(random, 5, D, scale=scale, shift=scale / 2)
        gamma, beta = draw(random, D, shift=1.0), draw(random, D)
        leaves = [x.requires_grad_() for x in (X, gamma, beta)]
        Y = F.layer_norm(X, (D,), gamma, beta, EPSILON)
        dY = draw(random, 5, D)
        Y.backward(dY)
        names = ["X", "gamma", "beta"]
        case_tensors = dict(zip(names, leaves), Y=Y, dY=dY)
        case_tensors.update(
            {"d" + n: x.grad for n, x in zip(names, leaves)})
        tensors.update({case + "." + n: x for n, x in case_tensors.items()})
    write_safetensors("layer_norm", tensors)


def make_attention(name, random, n, m, d_k, d_v, causal):
    """softmax(Q K^T / sqrt(d_k)) V by tensor operations, and autograd."""
    Q = draw(random, n, d_k).requires_grad_()
    K = draw(random, m, d_k).requires_grad_()
    V = draw(random, m, d_v).requires_grad_()
    S = torch.matmul(Q, K.transpose(0, 1)) / math.sqrt(d_k)
    if causal:  # query i sees keys 0 to i
        later = torch.ones(n, m, dtype=torch.bool).triu(1)
        S = S.masked_fill(later, -math.inf)
    A = torch.softmax(S, dim=-1)
    output = torch.matmul(A, V)
    dO = draw(random, n, d_v)
    output.backward(dO)
    write_safetensors(name, {
        "Q": Q, "K": K, "V": V, "A": A, "O": output, "dO": dO,
        "dQ": Q.grad, "dK": K.grad, "dV": V.grad})


# ---- layers ----------------------------------------------------------------

def make_multi_head_attention(random):
    """nn.MultiheadAttention, used as self-attention."""
    B, n, D, heads = 2, 5, 12, 3
    layer = nn.MultiheadAttention(D, heads, batch_first=True,
                                  dtype=torch.float64)
    draw_parameters(layer, random)
    z = draw(random, B, n, D).requires_grad_()
    Y, A = layer(z, z, z, need_weights=True, average_attn_weights=False)
    dY = draw(random, B, n, D)
    Y.backward(dY)
    write_safetensors("multi_head_attention", dict(
        z=z, Y=Y, A=A, dY=dY, dz=z.grad,
        **parameters_of(layer), **gradients_of(layer)))


def encoder_layer(D, heads, M, activation, norm_first):
    """PyTorch's own encoder layer, in float64, without dropout."""
    return nn.TransformerEncoderLayer(
        D, heads, M, dropout=0.0, activation=activation,
        layer_norm_eps=EPSILON, batch_first=True, norm_first=norm_first,
        dtype=torch.float64)


def make_encoder_block(name, random, activation, norm_first):
    """nn.TransformerEncoderLayer as block 0 of a stack."""
    B, n, D, heads, M = 2, 7, 12, 3, 20
    layer = encoder_layer(D, heads, M, activation, norm_first)
    draw_parameters(layer, random)
    z = draw(random, B, n, D).requires_grad_()
    y = layer(z)
    dy = draw(random, B, n, D)
    y.backward(dy)
    write_safetensors("encoder_block_" + name, dict(
        z=z, y=y, dy=dy, dz=z.grad, **parameters_of(layer, "blocks.0."),
        **gradients_of(layer, "blocks.0.")))


# ---- the whole model -------------------------------------------------------

class ReferenceViT(nn.Module):
    """A Vision Transformer put together from PyTorch's own modules."""

    def __init__(self, height, width, channels, patch, D, heads, M, depth,
                 classes):
        super().__init__()
        N = (height // patch) * (width // patch)
        double = {"dtype": torch.float64}
        self.cls_token = nn.Parameter(torch.zeros(1, 1, D, **double))
        self.pos_embed = nn.Parameter(torch.zeros(1, N + 1, D, **double))
        self.patch_embed = nn.Sequential(collections.OrderedDict(
            proj=nn.Conv2d(channels, D, patch, stride=patch, **double)))
        self.blocks = nn.Sequential(*[
            encoder_layer(D, heads, M, "gelu", True) for _ in range(depth)])
        self.norm = nn.LayerNorm(D, eps=EPSILON, **double)
        self.head = nn.Linear(D, classes, **double)

    def forward(self, images):
        """Logits (B, classes) from images (B, channels, height, width)."""
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        cls = self.cls_token.expand(len(images), -1, -1)
        z = torch.cat([cls, x], dim=1) + self.pos_embed
        return self.head(self.norm(self.blocks(z)[:, 0]))


def loss_and_gradients(vit, images, labels):
    """Forward and backward once; the gradients are left in the parameters."""
    vit.zero_grad()
    logits = vit(images)
    logits.retain_grad()
    loss = F.cross_entropy(logits, labels, label_smoothing=SMOOTHING)
    loss.backward()
    return logits, loss


def make_vit(random):
    """Logits, loss and all gradients of a small but complete model."""
    vit = ReferenceViT(height=8, width=12, channels=2, patch=4, D=12, heads=3,
                       M=20, depth=2, classes=5)
    draw_parameters(vit, random)
    images = draw(random, 3, 2, 8, 12)
    labels = torch.tensor([4, 0, 2])
    logits, loss = loss_and_gradients(vit, images, labels)
    write_safetensors("vit", parameters_of(vit))
    write_safetensors("vit_results", dict(
        images=images, labels=labels, logits=logits, dlogits=logits.grad,
        loss=loss.reshape(1), **gradients_of(vit)))
    return vit, images, labels


def decay_groups(vit):
    """Weight decay for the matrices only."""
    matrices, others = [], []
    for name, parameter in vit.named_parameters():
        is_matrix = name.endswith("weight") and parameter.dim() > 1
        (matrices if is_matrix else others).append(parameter)
    return [{"params": matrices, "weight_decay": WEIGHT_DECAY},
            {"params": others, "weight_decay": 0.0}]


def clip(parameters):
    """Scale the gradients to global norm 1 at most; the norm before.

    torch.nn.utils.clip_grad_norm_ divides by norm + 1e-6, as a guard against
    a norm of 0; that is 1e-6 away from the definition, and far above the 1e-9
    that we test to. So the definition is written out.
    """
    gradients = [p.grad for p in parameters]
    norm = torch.sqrt(sum((g ** 2).sum() for g in gradients)).item()
    for gradient in gradients:
        gradient.mul_(min(1.0, MAX_NORM / norm))
    return norm


def make_adamw(vit, images, labels):
    """Three steps of AdamW on one batch, each at another rate."""
    optimizer = torch.optim.AdamW(decay_groups(vit), lr=RATES[0],
                                  betas=(0.9, 0.999), eps=1e-8)
    losses, norms, tensors = [], [], {}
    for step, rate in enumerate(RATES, start=1):
        for group in optimizer.param_groups:
            group["lr"] = rate
        _, loss = loss_and_gradients(vit, images, labels)
        losses.append(loss.item())
        norms.append(clip(list(vit.parameters())))
        optimizer.step()
        tensors.update(parameters_of(vit, "step%d." % step))
    assert max(norms) > MAX_NORM, "the clipping must have something to clip"
    print("loss", losses, "gradient norm", norms)
    write_safetensors("adamw", dict(
        rates=torch.tensor(RATES, dtype=torch.float64),
        losses=torch.tensor(losses, dtype=torch.float64),
        norms=torch.tensor(norms, dtype=torch.float64), **tensors))


def main():
    """Make all files, or compare with them."""
    if sys.argv[1:] and not CHECK:
        print("make_reference.py: only --check can be said, not",
              *sys.argv[1:], file=sys.stderr)
        sys.exit(2)
    torch.set_num_threads(1)  # sums in one order: the same bytes each time
    random = numpy.random.RandomState(SEED)
    make_softmax(random)
    make_gelu(random)
    make_layer_norm(random)
    make_attention("attention", random, n=5, m=7, d_k=4, d_v=6, causal=False)
    make_attention("attention_causal", random, n=6, m=6, d_k=8, d_v=3,
                   causal=True)
    make_multi_head_attention(random)
    make_encoder_block("pre_norm_gelu", random, "gelu", norm_first=True)
    make_encoder_block("post_norm_gelu", random, "gelu", norm_first=False)
    make_encoder_block("pre_norm_relu", random, "relu", norm_first=True)
    make_adamw(*make_vit(random))


if __name__ == "__main__":
    main()
