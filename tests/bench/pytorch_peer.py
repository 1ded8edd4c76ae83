#!/usr/bin/env python3
"""pytorch_peer.py: PyTorch's side of `make bench`: a process that trains or
infers when it is told to, in the words of tests/bench/peer.h.

The model, the optimiser, the clipping and the schedule are those of
tests/reference/pytorch_vit.py. A training step gets its batch from bytes,
normalises it, and does forward, backward, clipping and update; inference of
one image is a forward of numbers that are normalised already, as ours is; of
more, it starts from bytes and ends in the loss and the count of right answers.

To try it: echo 'go 1' | python3 tests/bench/pytorch_peer.py --phase=train
"""
import argparse
import ctypes
import importlib
import logging
import math
import os
import sys
import time

sys.dont_write_bytecode = True  # the source tree stays as it is
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, "reference"))
# Compile here, not in processes that would go on holding our pipes.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

IMAGES = 1024
INFER_IMAGES = 16
IMAGE_BYTES = 1 << 24
STEPS = 10 ** 9  # the schedule never ends
logging.disable(logging.WARNING)  # torch.compile's, about what is normal
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print isn't an answer


def answer(*words):
    """A line to the driver."""
    print(*words, file=ANSWERS, flush=True)


def one_line(error):
    """An exception in few words."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "%s: %s" % (type(error).__name__, lines[0][:200] if lines else "")


def peak_mb():
    """The most memory that this program has had; see memory.c."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    return vit.peak_megabytes()


def parse():
    """The command line; without options the tiny model."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--version", action="store_true",
                        help="only say what there is")
    parser.add_argument("--phase", choices=["train", "infer"], default="train")
    parser.add_argument("--flavour", choices=["eager", "compile"],
                        default="eager")
    for name, default in [("size", 28), ("channels", 1), ("patch", 4),
                          ("dim", 64), ("depth", 4), ("heads", 4),
                          ("mlp", 128), ("classes", 10), ("batch", 64),
                          ("threads", os.cpu_count())]:
        parser.add_argument("--" + name, type=int, default=default)
    return parser.parse_args()


def version():
    """What was found: PyTorch's version, its matrix products, the vectors."""
    config = torch.__config__.show()
    blas = (config + "BLAS_INFO=unknown,").split("BLAS_INFO=")[1].split(",")[0]
    capability = [line.split(":")[1].strip() for line in config.splitlines()
                  if "CPU capability usage" in line]
    words = ["PyTorch", torch.__version__,
             "(Python %d.%d)," % sys.version_info[:2],
             "BLAS_INFO=" + blas.strip() + ",",
             "mkldnn", "yes" if torch.backends.mkldnn.is_available() else "no"]
    return " ".join(words + capability[:1])


# ---- the work: each makes a step, a function without arguments --------------

def make_model(args):
    """The model of pytorch_vit.py."""
    torch.manual_seed(1)
    return vit.VisionTransformer(args.size, args.size, args.channels,
                                 args.patch, args.dim, args.depth, args.heads,
                                 args.mlp, args.classes)


def random_images(args, count):
    """Bytes (count, channels, size, size), and labels."""
    shape = (count, args.channels, args.size, args.size)
    return (torch.randint(0, 256, shape, dtype=torch.uint8),
            torch.randint(0, 10, (count,)))


def allow_vectors():
    """Let torch.compile use the processor's vectors.

    It tries them by linking with libtorch; where the linker finds another one
    first (a distribution's), that fails, and the code goes without vectors, at
    a fraction of its speed. So: no trial, and libtorch's functions for all.
    """
    folder = os.path.join(os.path.dirname(torch.__file__), "lib")
    config = importlib.import_module("torch._inductor.config")
    library = os.path.join(folder, "libtorch_cpu.so")
    if os.path.exists(library) and hasattr(config.cpp, "vec_isa_ok"):
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        config.cpp.vec_isa_ok = True


def flavoured(model, args):
    """The model as it is, or compiled (at its first call)."""
    return torch.compile(model) if args.flavour == "compile" else model


def train_step(args):
    """One step of AdamW on the next batch."""
    model = make_model(args).train()
    optimizer, clip = vit.make_optimizer(model), vit.clipper(model)
    fit = IMAGE_BYTES // (args.channels * args.size * args.size)
    count = max(args.batch, min(IMAGES, fit))
    data = vit.batches(*random_images(args, count), args.batch)
    forward = flavoured(model, args)
    done = 0

    def step():
        nonlocal done
        done += 1
        for group in optimizer.param_groups:
            group["lr"] = vit.rate_of(done, STEPS)
        images, labels = next(data)
        loss = F.cross_entropy(forward(images), labels,
                               label_smoothing=vit.SMOOTHING)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip()
        optimizer.step()
        return loss
    return step


def infer_one(args):
    """The forward of one image."""
    forward = flavoured(make_model(args).eval(), args)
    images, _ = random_images(args, INFER_IMAGES)
    images = vit.normaliser(images)(images).split(1)
    done = 0

    def step():
        nonlocal done
        done += 1
        with torch.inference_mode():
            return forward(images[done % INFER_IMAGES])[0, 0]
    return step


def infer_batch(args):
    """The loss of a batch, and how many are right."""
    forward = flavoured(make_model(args).eval(), args)
    images, labels = random_images(args, args.batch)
    normalise = vit.normaliser(images)

    def step():
        with torch.inference_mode():
            logits = forward(normalise(images))
            (logits.argmax(1) == labels).sum()
            return F.cross_entropy(logits, labels)
    return step


def make_step(args):
    """The function that is timed."""
    if args.phase == "train":
        return train_step(args)
    return infer_one(args) if args.batch == 1 else infer_batch(args)


# ---- serving ----------------------------------------------------------------

class Bursts:
    """Steps for a while: images per second."""

    def __init__(self, step, batch):
        self.step, self.batch = step, batch
        self.step_seconds = 0.0

    def run(self, seconds):
        """At least one step, and about so many seconds."""
        if self.step_seconds < 0.1:
            self.step()  # not timed: threads wake, caches fill
        steps, taken, start = 0, 0.0, time.perf_counter()
        while steps == 0 or taken < seconds:
            result = self.step()
            steps += 1
            taken = time.perf_counter() - start
        self.step_seconds = taken / steps
        if not math.isfinite(result.item()):
            return math.nan
        return steps * self.batch / taken


def warm(args):
    """Bursts that have run; the first steps compile, and may fail to."""
    bursts = Bursts(make_step(args), args.batch)
    if args.flavour == "compile":
        try:
            allow_vectors()
            bursts.step()
            bursts.step()
        except Exception as error:  # pylint: disable=broad-except
            answer("skipped", one_line(error))
            sys.exit(0)
    bursts.run(0.3)
    return bursts


def serve(args, base):
    """Until "quit", or until there is nobody to ask any more."""
    bursts = warm(args)
    answer("ready", version())
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            answer("%.3f %.3f" % (peak_mb(), base))
            return
        answer("%.6f" % bursts.run(float(words[1])))


def main():
    """Set up, and serve."""
    args = parse()
    if args.version:
        answer("ready", version())
        return
    if args.flavour == "compile" and not hasattr(torch, "compile"):
        answer("skipped this PyTorch has no torch.compile")
        return
    torch.set_num_threads(args.threads)
    serve(args, peak_mb())


try:
    import torch
    from torch.nn import functional as F

    import pytorch_vit as vit
except ImportError as missing:
    answer("skipped", one_line(missing))
    sys.exit(0)

if __name__ == "__main__":
    main()
