#!/usr/bin/env python3
r"""pytorch_vit.py: the Vision Transformer of chapter 5 in plain PyTorch.

Our peer in speed. The same model (pre-norm, exact GELU, layer norm epsilon
1e-6, fused qkv), the same loss (label smoothing 0.1), the same optimiser
(AdamW, decay on matrices only, gradients clipped at global norm 1) on the same
images, written as fast as eager PyTorch goes on a CPU without a compiler. It
trains for some steps after a warm-up and prints one line:

    pytorch VERSION train N img/s, peak M MB, loss L

From the repository's root:

    python3 tests/reference/pytorch_vit.py --threads 2 --steps 200

Images are not augmented; measure chapter5 with --shift 0 --flip no beside it.
Parameters have timm's names and shapes, as in our checkpoints.

On a GPU, beside `chapter6 --bench`: the images lie in the GPU's memory from the
start, nothing is waited for within a round, and matrix products are in fp32 or,
with --tf32, in TF32:

    python3 tests/reference/pytorch_vit.py --device cuda --tf32 --made-up \
        --size 224 --channels 3 --patch 16 --dim 768 --depth 12 --heads 12 \
        --mlp 3072 --classes 1000 --batch 64 --steps 16 --rounds 7

--compile has torch.compile (PyTorch 2.0 or later) make kernels of the model; --bf16
computes it in bfloat16 where autocast does.
"""
import argparse
import collections
import contextlib
import gzip
import inspect
import math
import os
import resource
import statistics
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-6
SMOOTHING = 0.1
MAX_NORM = 1.0
WEIGHT_DECAY = 0.05
PEAK_RATE = 2e-3
CLASSES = 10
DATA = ["data/fashion-mnist", "/usr/share/datasets/fashion-mnist",
        "data/sample"]


# ---- the model -------------------------------------------------------------

class Attention(nn.Module):
    """Multi-head self-attention with one matrix for q, k and v."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, n, D = x.shape
        qkv = self.qkv(x).view(B, n, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, n, d_k)
        y = attend(q, k, v)
        return self.proj(y.transpose(1, 2).reshape(B, n, D))


def attend_explicitly(q, k, v):
    """softmax(q k^T / sqrt(d_k)) v, for a PyTorch without the fused one."""
    scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-2, -1))
    return torch.matmul(scores.softmax(dim=-1), v)


attend = getattr(F, "scaled_dot_product_attention", attend_explicitly)


class Block(nn.Module):
    """A pre-norm encoder block."""

    def __init__(self, dim, heads, mlp):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=EPSILON)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=EPSILON)
        self.mlp = nn.Sequential(collections.OrderedDict(
            fc1=nn.Linear(dim, mlp), act=nn.GELU(), fc2=nn.Linear(mlp, dim)))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """Logits (B, classes) from images (B, channels, height, width)."""

    def __init__(self, height, width, channels, patch, dim, depth, heads, mlp,
                 classes=CLASSES):
        super().__init__()
        N = (height // patch) * (width // patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, N + 1, dim))
        self.patch_embed = nn.Sequential(collections.OrderedDict(
            proj=nn.Conv2d(channels, dim, patch, stride=patch)))
        self.blocks = nn.Sequential(
            *[Block(dim, heads, mlp) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim, eps=EPSILON)
        self.head = nn.Linear(dim, classes)
        self.initialise()

    def initialise(self):
        """Xavier for dense layers, N(0, 0.02^2) for positions, head 0."""
        nn.init.normal_(self.pos_embed, std=0.02)
        for name, parameter in self.named_parameters():
            if name.endswith("bias") or name == "head.weight":
                nn.init.zeros_(parameter)
            elif name.endswith("qkv.weight"):  # three layers in one
                for part in parameter.data.chunk(3):
                    nn.init.xavier_uniform_(part)
            elif is_matrix(name):
                nn.init.xavier_uniform_(parameter.data.flatten(1))

    def forward(self, images):
        x = self.patch_embed(images).flatten(2).transpose(1, 2)  # (B, N, D)
        cls = self.cls_token.expand(len(x), -1, -1)
        z = self.blocks(torch.cat([cls, x], dim=1) + self.pos_embed)
        return self.head(self.norm(z[:, 0]))


def is_matrix(name):
    """Dense layers' weights: what is decayed."""
    return name.endswith("weight") and "norm" not in name


# ---- the data --------------------------------------------------------------

def read_idx(path, header_bytes):
    """The numbers of an IDX file of bytes, and its dimensions."""
    with gzip.open(path) as file:
        data = bytearray(file.read())
    shape = numpy.frombuffer(data[4:header_bytes], ">i4").tolist()
    numbers = numpy.frombuffer(data, numpy.uint8, offset=header_bytes)
    return torch.from_numpy(numbers.reshape(shape))


def find_data(given):
    """The directory to read, or None."""
    for place in [given] if given else DATA:
        if os.path.exists(place + "/train-images-idx3-ubyte.gz"):
            return place
    return None


def load(args):
    """Images (count, channels, size, size) as bytes, and their labels.

    For another size or number of channels than the data set's: random ones,
    which take as long.
    """
    shape = (args.channels, args.size, args.size)
    if args.made_up:
        return made_up(max(args.batch, 2048), shape)
    place = find_data(args.data)
    if place is None:
        sys.exit("pytorch_vit.py: no train-images-idx3-ubyte.gz in " +
                 (args.data or ", ".join(DATA)))
    images = read_idx(place + "/train-images-idx3-ubyte.gz", 16).unsqueeze(1)
    labels = read_idx(place + "/train-labels-idx1-ubyte.gz", 8).long()
    if images.shape[1:] != shape:
        return made_up(max(args.batch, min(len(images), 4096)), shape)
    return images, labels


def made_up(count, shape):
    """Random images and labels."""
    return (torch.randint(0, 256, (count,) + shape, dtype=torch.uint8),
            torch.randint(0, CLASSES, (count,)))


def normaliser(images):
    """The function from bytes to numbers of mean 0 and variance 1."""
    pixels = sum(numpy.bincount(some.flatten().numpy(), minlength=256)
                 for some in images.split(1000))  # it makes 8 bytes of 1
    level = numpy.arange(256) / 255.0
    mean = (pixels * level).sum() / pixels.sum()
    variance = (pixels * (level - mean) ** 2).sum() / pixels.sum()
    scale, shift = 1 / (255 * math.sqrt(variance)), mean / math.sqrt(variance)
    return lambda batch: batch.float().mul_(scale).sub_(shift)


def batches(images, labels, batch, device="cpu", normalise=None):
    """For ever: a batch of the epoch's random order, on the device."""
    normalise = normalise or normaliser(images)
    images, labels = images.to(device), labels.to(device)
    while True:
        order = torch.randperm(len(images), device=device)
        for chosen in order[:len(order) // batch * batch].split(batch):
            yield normalise(images[chosen]), labels[chosen]


# ---- training --------------------------------------------------------------

def make_optimizer(model):
    """AdamW; fused into one kernel where this PyTorch has that for CPUs."""
    named = list(model.named_parameters())
    groups = [
        {"params": [p for n, p in named if is_matrix(n)],
         "weight_decay": WEIGHT_DECAY},
        {"params": [p for n, p in named if not is_matrix(n)],
         "weight_decay": 0.0}]
    settings = dict(lr=PEAK_RATE, betas=(0.9, 0.999), eps=1e-8)
    try:
        return torch.optim.AdamW(groups, fused=True, **settings)
    except (TypeError, RuntimeError):  # before 2.4
        return torch.optim.AdamW(groups, foreach=True, **settings)


def rate_of(step, steps):
    """Linear warm-up over a tenth of the steps, then half a cosine to 0."""
    warmup = min(steps // 10, 1000)
    if step < warmup:
        return PEAK_RATE * step / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * done))


def clipper(model):
    """The function that clips, in its variant for lists where there is one."""
    clip = nn.utils.clip_grad_norm_
    parameters = list(model.parameters())
    known = inspect.signature(clip).parameters
    options = {"foreach": True} if "foreach" in known else {}
    return lambda: clip(parameters, MAX_NORM, **options)


def now(device):
    """The time when the device has done all that it was given, in seconds."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def precision(args):
    """What the forward pass runs in: with --bf16 in autocast's."""
    if args.bf16:
        return torch.autocast(args.device, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def train(model, args, data):
    """Seconds of each round of args.steps steps, after args.warmup steps; and
    the last loss."""
    optimizer, clip = make_optimizer(model), clipper(model)
    forward = torch.compile(model) if args.compile else model
    total = args.warmup + args.rounds * args.steps
    times = []
    for step in range(1, total + 1):
        if step > args.warmup and (step - args.warmup - 1) % args.steps == 0:
            times.append(now(args.device))
        for group in optimizer.param_groups:
            group["lr"] = rate_of(step, total)
        images, labels = next(data)
        with precision(args):
            loss = F.cross_entropy(forward(images), labels,
                                   label_smoothing=SMOOTHING)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip()
        optimizer.step()
    times.append(now(args.device))
    return [b - a for a, b in zip(times, times[1:])], loss.item()


def peak_megabytes(device):
    """The most memory that this process has had, PyTorch itself included; on a
    GPU, what PyTorch has taken of the GPU's memory."""
    if device == "cuda":
        return torch.cuda.max_memory_reserved() / 2 ** 20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2 ** 20 if sys.platform == "darwin" else peak / 2 ** 10


def positive(text):
    """An option's value: a whole number from 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def parse():
    """The command line, whose options are chapter5's."""
    parser = argparse.ArgumentParser(
        description="the Vision Transformer of chapter 5 in PyTorch")
    for name, default, what in [
            ("dim", 64, "width of a token"), ("depth", 4, "encoder blocks"),
            ("heads", 4, "attention heads"), ("mlp", 128, "width of the MLP"),
            ("patch", 4, "side of a patch"), ("batch", 64, "images a step"),
            ("threads", os.cpu_count(), "threads"),
            ("steps", 200, "steps that are timed"),
            ("rounds", 1, "how often; the median counts"),
            ("classes", CLASSES, "classes of the head"),
            ("warmup", 20, "steps before them"),
            ("size", 28, "side of an image"),
            ("channels", 1, "channels of an image"), ("seed", 1, "seed")]:
        parser.add_argument("--" + name, type=positive, default=default,
                            help="%s (%d)" % (what, default))
    parser.add_argument("--data", help="directory of the IDX files")
    parser.add_argument("--made-up", action="store_true",
                        help="random images; no files are read")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--tf32", action="store_true",
                        help="matrix products in TF32 (cuda)")
    parser.add_argument("--bf16", action="store_true",
                        help="autocast to bfloat16")
    parser.add_argument("--compile", action="store_true",
                        help="torch.compile (PyTorch 2.0 or later)")
    args = parser.parse_args()
    if args.compile and not hasattr(torch, "compile"):
        parser.error("this PyTorch, %s, has no torch.compile" %
                     torch.__version__)
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("this PyTorch finds no CUDA device")
    if args.size % args.patch or args.dim % args.heads:
        parser.error("--patch must divide --size, and --heads --dim")
    return args


def warn_of_slow_build():
    """Say so when this PyTorch's matrix products are not its best."""
    if "BLAS_INFO=generic" in torch.__config__.show():
        print("pytorch_vit.py: this PyTorch was built with a generic BLAS, as "
              "Debian's is, and may be several times slower than the one "
              "that `pip install torch` gets", file=sys.stderr)


def main():
    """Train and print one line."""
    args = parse()
    if args.device == "cpu":
        warn_of_slow_build()
    # eager PyTorch's default is fp32 for dense layers, but TF32 for cuDNN
    torch.backends.cuda.matmul.allow_tf32 = args.tf32
    torch.backends.cudnn.allow_tf32 = args.tf32
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    images, labels = load(args)
    if args.batch > len(images):
        sys.exit("pytorch_vit.py: a batch of %d images is more than the %d "
                 "there are" % (args.batch, len(images)))
    model = VisionTransformer(args.size, args.size, args.channels, args.patch,
                              args.dim, args.depth, args.heads, args.mlp,
                              args.classes).to(args.device)
    seconds, loss = train(model, args, batches(images, labels, args.batch,
                                               args.device))
    if not math.isfinite(loss):
        sys.exit("pytorch_vit.py: the loss is %s: no speed counts" % loss)
    speed = args.steps * args.batch / statistics.median(seconds)
    print("pytorch %s train %.0f img/s, peak %.0f MB, loss %.4f" % (
        torch.__version__, speed, peak_megabytes(args.device), loss))


if __name__ == "__main__":
    main()
