#!/usr/bin/env python3
"""An executable needs nothing around it: no interpreter, no libraries, no files, no /proc, no rights.

Its program headers hold neither PT_INTERP nor PT_DYNAMIC, and it runs alone in an empty folder as its root, as uid 65534.
"""

import json
import os
import struct
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
import support
import zoo

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
NOBODY = 65534


def read_segments(path):
    """The types of an ELF64 file's program headers (System V ABI, "Program Header")."""
    data = path.read_bytes()
    assert data[:5] == b"\x7fELF\x02", f"'{path}' is no ELF64 file"
    (offset,), (size, count) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<HH", data, 54)
    return [struct.unpack_from("<I", data, offset + i * size)[0] for i in range(count)]


def run_alone(folder, *arguments, stdin=b""):
    """Runs /model with `folder` as its root directory, as nobody, without an environment; returns what it printed."""

    def enter():
        os.chroot(folder)
        os.chdir("/")
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    return support.execute(["/model", *arguments], preexec_fn=enter, input=stdin, env={}).stdout


def main():
    support.need_compiler()
    model = zoo.MODELS["digits"]
    with tempfile.TemporaryDirectory(prefix="ingot-isolated-") as folder:
        executable = Path(folder) / "model"
        support.build(model.path(), executable)
        segments = read_segments(executable)
        assert PT_LOAD in segments, "no PT_LOAD"
        assert not {PT_INTERP, PT_DYNAMIC} & set(segments), "the executable asks for an interpreter or libraries"
        if os.geteuid():
            print("static: yes")
            support.skip("changing the root directory needs root")
        os.chmod(folder, 0o755)
        os.chmod(executable, 0o755)
        assert os.listdir(folder) == ["model"]

        image = model.inputs(seed=1)
        expected = support.run_ort(support.open_ort(model.path()), image)["probabilities"]
        answer = json.loads(run_alone(folder, "run", "-i", "image=-", stdin=image["image"].tobytes()))
        got = np.array(answer["probabilities"], np.float32).reshape(1, 10)
        difference = support.compare({"probabilities": got}, {"probabilities": expected})
        assert difference.share <= 1, f"{difference.share:.3g} times the bound"
        for command in (["info", "--json"], ["selftest"], ["bench", "--runs", "3"]):
            run_alone(folder, *command)
        assert os.listdir(folder) == ["model"], "a command left files behind"
    print("static, and run, info, selftest and bench work alone in an empty root as uid 65534 without /proc")


if __name__ == "__main__":
    try:
        main()
    except (support.Failure, AssertionError) as failure:
        sys.exit(f"test_isolated.py: {failure}")
