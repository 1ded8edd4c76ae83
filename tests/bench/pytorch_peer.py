#!/usr/bin/env python3
"""pytorch_peer.py: PyTorch's side of `make bench`: a process that trains or
infers when it is told to, in the words of tests/bench/peer.h. Works with PyTorch from
1.13 on; torch.compile is there from 2.0 on.

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
OLDEST = (1, 13)

IMAGES = 1024
INFER_IMAGES = 16
IMAGE_BYTES = 1 << 24
STEPS = 10 ** 9  # the schedule never ends
logging.disable(logging.WARNING)  # torch.compile's, about what is normal
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print isn't an answer


def threads_running():
    """How many threads want a processor; 1 where the system doesn't tell."""
    states = []
    try:
        for task in os.listdir("/proc/self/task"):
            with open("/proc/self/task/%s/stat" % task, encoding="utf8",
                      errors="replace") as file:
                states.append(file.read().rpartition(")")[2][1:2])
    except OSError:
        pass  # another system; or a thread that has just ended
    return max(1, states.count("R"))


def threads_rest():
    """Wait until this process uses no processor any more; False if it still does after
    1.5 s. As in answers.c."""
    quiet, before = 0, time.process_time()
    for _ in range(150):
        time.sleep(0.01)
        used = time.process_time() - before
        quiet = quiet + 1 if used < 5e-4 and threads_running() == 1 else 0
        before = time.process_time()
        if quiet == 2:
            return True
    return False


def answer(*words):
    """A line to the driver, when the threads are at rest."""
    if not threads_rest():
        words = ("failed its threads don't come to rest",)
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


def make_parser():
    """Of the command line; without options the tiny model."""
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
    return parser


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

def made_up(name, count):
    """The first numbers of what is called so, 32 bits each, as in made_up.c."""
    start = 2166136261
    for byte in name.encode():
        start = (start ^ byte) * 16777619 & 0xffffffff
    with numpy.errstate(over="ignore"):
        x = numpy.arange(count, dtype=numpy.uint32)
        x = x * numpy.uint32(2654435761) + numpy.uint32(start)
        x = (x ^ (x >> numpy.uint32(16))) * numpy.uint32(0x85ebca6b)
        x = (x ^ (x >> numpy.uint32(13))) * numpy.uint32(0xc2b2ae35)
        return x ^ (x >> numpy.uint32(16))


def make_model(args):
    """The model of pytorch_vit.py, with the weights of made_up.c."""
    model = vit.VisionTransformer(args.size, args.size, args.channels,
                                  args.patch, args.dim, args.depth, args.heads,
                                  args.mlp, args.classes)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            bits = made_up(name, weight.numel())
            uniform = torch.from_numpy(bits / 2147483648.0 - 1)
            if vit.is_matrix(name):
                uniform *= math.sqrt(3 * len(weight) / weight.numel())
            else:
                uniform *= 0.1
                uniform += float(name.endswith("weight"))  # a norm's
            weight.copy_(uniform.view_as(weight))
    return model


def make_images(args, count):
    """Bytes (count, channels, size, size), and labels."""
    shape = (count, args.channels, args.size, args.size)
    pixels = (made_up("images", math.prod(shape)) >> 24).astype(numpy.uint8)
    labels = made_up("labels", count) % 10
    return (torch.from_numpy(pixels.reshape(shape)),
            torch.from_numpy(labels.astype(numpy.int64)))


def normalise(pixels):
    """Mean 0 and variance 1: bytes that are uniform in 0..255."""
    return pixels.float().mul_(math.sqrt(12) / 255).sub_(math.sqrt(3))


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
    """The model as it is, or compiled (at its first call). Inference's weights are
    constants then, which PyTorch packs once ("freezing")."""
    if args.flavour != "compile":
        return model
    allow_vectors()
    config = importlib.import_module("torch._inductor.config")
    if args.phase == "infer" and hasattr(config, "freezing"):
        config.freezing = True
    return torch.compile(model)


def training_images(args, least):
    """How many, as in ours.c."""
    fit = IMAGE_BYTES // (args.channels * args.size * args.size)
    return max(least, min(IMAGES, fit))


class Training:
    """Steps of AdamW."""

    def __init__(self, args):
        model = make_model(args).train()
        self.optimizer, self.clip = vit.make_optimizer(model), vit.clipper(model)
        images, labels = self.images(args)
        self.first = normalise(images[:args.batch]), labels[:args.batch]
        self.data = vit.batches(images, labels, args.batch, "cpu", normalise)
        self.forward = flavoured(self.whole(model), args)
        self.done = 0

    def whole(self, model):
        """The model as it is trained; see pytorch_ranks.py."""
        return model

    def images(self, args):
        """Bytes, and labels."""
        return make_images(args, training_images(args, args.batch))

    def loss_of(self, images, labels):
        """With label smoothing."""
        return F.cross_entropy(self.forward(images), labels,
                               label_smoothing=vit.SMOOTHING)

    def update(self, images, labels, rate):
        """One step; the loss before it, and the gradients' norm."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.loss_of(images, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = self.clip()
        self.optimizer.step()
        return loss, norm

    def check(self):
        """As in ours.c: a step on the first batch, and the loss after it."""
        loss, norm = self.update(*self.first, 1e-3)
        after = self.loss_of(*self.first)
        self.first = None
        return [loss.item(), norm.item(), after.item()]

    def step(self):
        """On the next batch."""
        self.done += 1
        images, labels = next(self.data)
        return self.update(images, labels, vit.rate_of(self.done, STEPS))[0]


class InferOne:
    """The forward of one image."""

    def __init__(self, args):
        self.forward = flavoured(make_model(args).eval(), args)
        images, _ = make_images(args, INFER_IMAGES)
        self.images = normalise(images).split(1)
        self.done = 0

    def step(self):
        """Of the next one."""
        image = self.images[self.done % INFER_IMAGES]
        self.done += 1
        with torch.inference_mode():
            return self.forward(image)[0, 0]

    def check(self):
        """The first image's first logit."""
        self.done = 0
        return [self.step().item(), 0, 0]


class InferBatch:
    """The loss of a batch, and how many are right."""

    def __init__(self, args):
        self.forward = flavoured(make_model(args).eval(), args)
        self.images, self.labels = make_images(args, args.batch)

    def step(self):
        """The same batch again."""
        with torch.inference_mode():
            logits = self.forward(normalise(self.images))
            (logits.argmax(1) == self.labels).sum()
            return F.cross_entropy(logits, self.labels)

    def check(self):
        """The loss."""
        return [self.step().item(), 0, 0]


def make_work(args):
    """What is timed."""
    if args.phase == "train":
        return Training(args)
    return InferOne(args) if args.batch == 1 else InferBatch(args)


# ---- serving ----------------------------------------------------------------

class Bursts:
    """Steps for a while: images per second."""

    def __init__(self, step, batch):
        self.step, self.batch = step, batch
        self.step_seconds = 0.0

    def run(self, seconds):
        """At least one step, and about so many seconds: images, and the time."""
        if self.step_seconds < 0.1:
            self.step()  # not timed: threads wake, caches fill
        steps, taken, start = 0, 0.0, time.perf_counter()
        while steps == 0 or taken < seconds:
            result = self.step()
            steps += 1
            taken = time.perf_counter() - start
        self.step_seconds = taken / steps
        if not math.isfinite(result.item()):
            raise ArithmeticError("its results are not finite")
        return steps * self.batch, taken


def serve(bursts, check, base):
    """Until "quit", or until there is nobody to ask any more."""
    answer("ready", version())
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            answer("%.3f %.3f" % (peak_mb(), base))
            return
        if words == ["check"]:
            answer("%.9g %.9g %.9g" % tuple(check))
        elif len(words) == 2 and words[0] == "go":
            answer("%d %.9f" % bursts.run(float(words[1])))
        else:
            answer("failed it doesn't know", line.strip())


def main():
    """Set up, and serve."""
    args, base = make_parser().parse_args(), peak_mb()
    if args.version:
        answer("ready", version())
    elif can_run(args):
        torch.set_num_threads(args.threads)
        work = make_work(args)
        check = work.check()  # the first steps compile, and may fail to
        serve(Bursts(work.step, args.batch), check, base)


def can_run(args):
    """Whether this PyTorch has what the options want; says so if not."""
    if args.flavour == "compile" and not hasattr(torch, "compile"):
        answer("skipped this PyTorch has no torch.compile")
        return False
    return True


def run(program):
    """A program whose failures are answers; not with a PyTorch from before what is
    used here."""
    try:
        if tuple(int(n) for n in torch.__version__.split(".")[:2]) < OLDEST:
            answer("skipped PyTorch %s is too old: 1.13 at least" %
                   torch.__version__)
        else:
            program()
    except Exception as error:  # pylint: disable=broad-except
        answer("failed", one_line(error))
        sys.exit(1)


try:
    import torch  # first: it is what may be missing
    import numpy
    from torch.nn import functional as F

    import pytorch_vit as vit
except ModuleNotFoundError as missing:
    whole = missing.name in ("torch", "numpy")
    answer("skipped" if whole else "failed", one_line(missing))
    sys.exit(0)
except Exception as error:  # pylint: disable=broad-except
    answer("failed", one_line(error))
    sys.exit(1)

if __name__ == "__main__":
    run(main)
