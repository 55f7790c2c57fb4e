#!/usr/bin/env python3
"""Memory is what the compiler says: one mapping of the printed size, and none made or changed while the model runs.

Watched through strace: `bench` with few and with many runs must make the same calls that map memory, and one of them must
be the arena's: arena_bytes of `info`, which `ingot inspect` foretold, rounded up to pages.
"""

import re
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support
import zoo

PAGE = 4096
CALLS = "mmap,munmap,mremap,brk,mprotect,madvise"


def trace(executable, runs, folder, *options):
    """The memory calls of a benchmark of `runs` runs: [(call, its text)]."""
    if not shutil.which("strace"):
        support.skip("strace is not installed")
    log = Path(folder) / "trace"
    command = ["strace", "-f", "-qq", "-e", f"trace={CALLS}", "-o", log, executable]
    support.execute([*command, "bench", "--threads", "1", "--runs", runs, "--json", *options])
    lines = [re.sub(r"^\d+\s+", "", line) for line in log.read_text().splitlines()]
    return [(line.split("(")[0], line) for line in lines if "(" in line]


def count_calls(*arguments):
    """Memory calls by name."""
    return Counter(call for call, _ in trace(*arguments))


def inspect_arena(path, option, shapes):
    given = [f"{option}={name}={'x'.join(map(str, dims))}" for name, dims in shapes.items()]
    said = support.execute([support.INGOT, "inspect", path, *given]).stdout
    return int(re.search(r"^arena +(\d+) bytes", said, re.MULTILINE)[1])


def check(name, folder):
    model = zoo.MODELS[name]
    executable = Path(folder) / name
    support.build(model.path(), executable, model.shapes)
    arena = support.read_info(executable)["arena_bytes"]
    inspected = inspect_arena(model.path(), "--shape", model.shapes)
    assert inspected == arena, f"{name}: ingot inspect says an arena of {inspected} bytes, the executable {arena}"
    few, many = trace(executable, 5, folder), trace(executable, 500 if model.kind == "example" else 20, folder)
    counts = [Counter(call for call, _ in calls) for calls in (few, many)]
    assert counts[0] == counts[1], f"{name}: more runs made more memory calls: {counts[0]} and {counts[1]}"
    pages = -(-arena // PAGE) * PAGE
    mapped = [int(m[1]) for call, text in few if call == "mmap" and (m := re.search(r"mmap\([^,]+, (\d+),", text))]
    assert not pages or pages in mapped, f"{name}: info says an arena of {arena} bytes, mapped were {mapped}"
    print(f"{name}: arena of {arena} bytes, mapped once; {sum(counts[0].values())} memory calls for any number of runs")


def main():
    support.need_compiler()
    with tempfile.TemporaryDirectory(prefix="ingot-arena-") as folder:
        for name in ("digits", "squeezenet11", "super_resolution_10"):
            if zoo.MODELS[name].exists():
                check(name, folder)
            else:
                print(f"{name}: skipped, not in INGOT_DATA")


if __name__ == "__main__":
    try:
        main()
    except (support.Failure, AssertionError) as failure:
        sys.exit(f"test_arena.py: {failure}")
