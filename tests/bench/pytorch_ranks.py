#!/usr/bin/env python3
"""pytorch_ranks.py: PyTorch's ranks for `make bench`: DistributedDataParallel with
gloo, in turns, in the words of tests/bench/peer.h. A step is pytorch_peer.py's.

The first process starts the others, and tells them through their stdin how many
steps to do with it; so nobody waits in a collective while others are timed.

To try it: echo 'go 1' | python3 tests/bench/pytorch_ranks.py --ranks=2 --threads=1
"""
import math
import os
import subprocess
import sys
import time

import pytorch_peer as peer  # first: it says so if PyTorch is missing
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

HERE = "127.0.0.1"


def parse():
    """pytorch_peer.py's options, and those of ranks."""
    parser = peer.make_parser()
    parser.add_argument("--ranks", type=int, default=2, help="processes")
    parser.add_argument("--rank", type=int, default=0, help="which one this is")
    parser.add_argument("--port", type=int, default=0, help="where they meet")
    args = parser.parse_args()
    args.whole_batch = args.batch
    args.batch //= args.ranks
    return args


def meet(args):
    """All ranks have found one another when it returns; `others` are those that the
    first has started."""
    first, others = args.rank == 0, []
    if os.path.exists("/sys/class/net/lo"):  # or gloo looks for the host's name
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = dist.TCPStore(HERE, args.port, args.ranks, is_master=first,
                          wait_for_workers=False)
    for rank in range(1, args.ranks) if first else []:
        command = [sys.executable] + sys.argv + [
            "--rank=%d" % rank, "--port=%d" % store.port]
        others.append(subprocess.Popen(  # pylint: disable=consider-using-with
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            universal_newlines=True, bufsize=1))
    dist.init_process_group("gloo", store=store, rank=args.rank,
                            world_size=args.ranks)
    return others


class Training(peer.Training):
    """Steps of which each rank does its share; the loss is the rank's own."""

    def whole(self, model):
        """Gradients become their mean over the ranks, in the buckets' own memory."""
        return DistributedDataParallel(model, gradient_as_bucket_view=True)

    def images(self, args):
        """Every args.ranks-th: together the ranks' batches are the whole ones."""
        all_of_them = peer.make_images(
            args, peer.training_images(args, args.whole_batch))
        return [part[args.rank::args.ranks] for part in all_of_them]

    def check(self):
        """Of the whole batch."""
        loss, norm, after = super().check()
        losses = torch.tensor([loss, after], dtype=torch.float64)
        dist.all_reduce(losses)
        loss, after = (losses / dist.get_world_size()).tolist()
        return [loss, norm, after]


class Bursts(peer.Bursts):
    """Steps of all ranks."""

    def __init__(self, step, args, others):
        super().__init__(step, args.whole_batch)
        self.others = others

    def tell(self, words):
        """A line to each."""
        for other in self.others:
            other.stdin.write(words + "\n")

    def hear(self, words):
        """This line from each."""
        for rank, other in enumerate(self.others, 1):
            line = other.stdout.readline().strip()
            if line != words:
                raise RuntimeError("rank %d: %s" % (rank, line or "it has ended"))

    def steps(self, count):
        """So many, of all; the last one's result."""
        self.tell("steps %d" % count)
        for _ in range(count):
            result = self.step()
        return result

    def run(self, seconds):
        """As in ours.c: the clock is read, and the others are told, a few times."""
        if self.step_seconds < 0.1:
            self.steps(1)
        steps, taken, start = 0, 0.0, time.perf_counter()
        while steps == 0 or taken < seconds:
            more = 1
            if self.step_seconds > 0:
                more += int((seconds - taken) / self.step_seconds)
            result = self.steps(more)
            steps += more
            taken = time.perf_counter() - start
            self.step_seconds = taken / steps
        self.tell("rest")
        self.hear("rested")
        if not math.isfinite(result.item()):
            raise ArithmeticError("its results are not finite")
        return steps * self.batch, taken


def follow(work):
    """Do as the first rank tells, until it has ended."""
    peer.answer("ready")
    for line in sys.stdin:
        words = line.split()
        if words == ["rest"]:
            peer.answer("rested")
        else:
            for _ in range(int(words[1])):
                work.step()


def main():
    """Set up, and serve."""
    args, base = parse(), peer.peak_mb()
    if not dist.is_available() or not hasattr(dist, "ProcessGroupGloo"):
        peer.answer("skipped this PyTorch has no gloo")
        return
    if not peer.can_run(args):
        return
    torch.set_num_threads(args.threads)
    others = meet(args)
    work = Training(args)
    check = work.check()
    if args.rank > 0:
        follow(work)
        return
    bursts = Bursts(work.step, args, others)
    bursts.hear("ready")
    peer.serve(bursts, check, base)
    for other in others:
        other.stdin.close()
        other.wait()


if __name__ == "__main__":
    peer.run(main)
