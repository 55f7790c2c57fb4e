#!/usr/bin/env python3
"""The command line in bad forms: each ends with exit code 1 and one sentence, and leaves no file behind.

A sentence is one line of stderr; indented lines may follow that show what it speaks of. Some cases need root (another user,
a full disk) or an emulator, and say so where they are skipped.
"""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support
from onnx import TensorProto, helper, save

NOBODY = 65534
HELP = "see ingot --help"

# (arguments, what the sentence must say). In the folder: m.onnx, whose input 'x' is float32[n,3] with n free, a FIFO
# 'pipe', and a folder 'folder'.
CASES = [
    ("", "Ingot compiles"),  # the help, on stderr
    ("frobnicate", "unknown command 'frobnicate'; " + HELP),
    ("build", "no model given to build; " + HELP),
    ("inspect", "no model given to inspect; " + HELP),
    ("build m.onnx other.onnx", "more than one model: 'm.onnx' and 'other.onnx'; " + HELP),
    ("build missing.onnx", "missing.onnx: error: cannot read the file: No such file or directory"),
    ("inspect missing.onnx", "missing.onnx: error: cannot read the file: No such file or directory"),
    ("build folder -o y", "folder: error: "),
    ("build pipe -o y", "pipe: error: "),
    ("build renamed", "'renamed' does not end in .onnx: name the output with -o; " + HELP),
    ("build m.onnx --frobnicate", "unknown option '--frobnicate'; " + HELP),
    ("build m.onnx --frobnicate=1", "unknown option '--frobnicate=1'; " + HELP),
    ("build m.onnx -q", "unknown option '-q'; " + HELP),
    *((f"build m.onnx {option}", f"{option} needs a value; " + HELP)
      for option in ("-o", "--shape", "--target", "--cpu", "--threads", "--emit", "--passes", "--dump-after")),
    *((f"{command} extra", "'extra'") for command in ("ops", "targets", "--version")),
    # --shape
    *((f"build m.onnx --shape {shape}", f"--shape '{shape}' is not NAME=AxBxC; " + HELP)
      for shape in ("x", "=1x3", "x=1x", "x=1xx3", "x=-1x3", "x=ax3", "x=1,3", "x=1.5x3")),
    ("build m.onnx --shape x=1x4", "--shape for 'x' float32[n,3] does not fit its dims"),
    ("build m.onnx --shape x=1", "--shape for 'x' float32[n,3] does not fit its dims"),
    ("build m.onnx --shape x=", "--shape for 'x' float32[n,3] does not fit its dims"),
    ("build m.onnx --shape z=1x3", "--shape names 'z', which is no input of the model"),
    ("build m.onnx --shape x=1x3 --shape x=2x3", "--shape gives dim 'n' as 1 and as 2"),
    ("build m.onnx --shape x=9223372036854775807x3", "larger than memory can be"),
    ("build m.onnx --shape x=" + "1x" * 40 + "3", "more than"),
    # --target, --cpu, --threads, --emit, --passes, --dump-after
    ("build m.onnx --shape x=1x3 --target mars", "unknown target 'mars': known are 'x86_64-linux', 'aarch64-linux'"),
    ("build m.onnx --shape x=1x3 --target=", "unknown target ''"),
    ("build m.onnx --shape x=1x3 --cpu 8086", "unknown cpu '8086' for target"),
    ("build m.onnx --shape x=1x3 --target aarch64-linux --cpu x86-64-v3", "unknown cpu 'x86-64-v3' for target 'aarch64-linux'"),
    *((f"build m.onnx --threads {n}", f"--threads '{n}' is no number from 0 to 1024; " + HELP)
      for n in ("many", "-1", "1025", "2x", "99999999999999999999")),
    ("build m.onnx --threads=", "--threads '' is no number from 0 to 1024; " + HELP),
    ("build m.onnx --emit pdf", "--emit 'pdf' is none of exe, obj, lib, c, ll, asm; " + HELP),
    *((f"build m.onnx --passes {names}", f"--passes '{names}' names others than fold-constants, ")
      for names in ("all", "simplify,none", "simplify,", "check-operators")),
    ("build m.onnx --dump-after nothing", "--dump-after 'nothing' is none of check-operators, "),
    # -o
    *((f"build m.onnx --shape x=1x3 --emit {form} -o nowhere/y.c", "cannot create output: No such file or directory")
      for form in ("exe", "obj", "lib", "c", "ll", "asm")),
    ("build m.onnx --shape x=1x3 -o folder", "folder: error: output is a folder: name a file"),
    ("build m.onnx --shape x=1x3 -o folder/", "folder/: error: output is a folder: name a file"),
    ("build m.onnx --shape x=1x3 -o .", ".: error: output is a folder: name a file"),
    ("build m.onnx --shape x=1x3 -o=y", "unknown option '-o=y'; " + HELP),
    ("build m.onnx --shape x=1x3 --emit c -o y", "y: error: output of --emit=c must end in '.c'"),
    ("build m.onnx --shape x=1x3 --emit c -o taken.c", "taken.h: error: output is a folder: name a file"),
    ("build m.onnx --shape x=1x3 -o m.onnx", "m.onnx"),  # the model would be gone
    ("build m.onnx --shape x=1x3 -o pipe", "pipe: error: "),
]


def make_folder(folder):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "m", [x], [y])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "m.onnx")
    shutil.copy(folder / "m.onnx", folder / "renamed")
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "taken.h").mkdir()
    (folder / "temporary").mkdir()


def list_files(folder):
    """What is in a folder and below: (name, type, size, inode, device)."""
    found = [(str(path.relative_to(folder)), path.lstat()) for path in folder.rglob("*")]
    return sorted((name, stat.S_IFMT(s.st_mode), s.st_size if stat.S_ISREG(s.st_mode) else 0, s.st_ino, s.st_rdev)
                  for name, s in found)  # fmt: skip


class Suite:
    def __init__(self, folder):
        self.folder, self.passed, self.failed, self.skipped = folder, 0, 0, 0

    def report(self, name, faults):
        self.passed, self.failed = self.passed + (not faults), self.failed + bool(faults)
        print(f"{'FAILED' if faults else 'ok':6}  {name}" + "".join(f"\n        {fault}" for fault in faults), flush=True)

    def skip(self, name, reason):
        self.skipped += 1
        print(f"skipped {name}: {reason}")

    def run(self, arguments, environment=None, **options):
        """The finished process of the compiler. Nothing to read on stdin; a FIFO never has a writer."""
        surroundings = {**os.environ, "TMPDIR": str(self.folder / "temporary"), **(environment or {})}
        return subprocess.run([support.INGOT, *arguments], cwd=self.folder, env=surroundings, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, **options)  # fmt: skip

    def refuse(self, name, arguments, expected, **options):
        """Asserts that the compiler refuses, with `expected` in its sentence and no file made, changed or left."""
        before = list_files(self.folder)
        try:
            done = self.run(arguments, **options)
        except subprocess.TimeoutExpired:
            return self.report(name, ["no end within 60 s"])
        sentences = [line for line in done.stderr.splitlines() if not line.startswith("  ")]
        faults = [] if done.returncode == 1 else [f"exit code {done.returncode}, expected 1"]
        if expected not in done.stderr:
            faults.append(f"expected: {expected!r}")
        if len(sentences) != 1 and arguments:
            faults.append(f"{len(sentences)} sentences, expected 1")
        if done.stdout:
            faults.append(f"{len(done.stdout)} bytes on stdout")
        if faults:
            faults.append(f"stderr: {done.stderr!r}")
        after = list_files(self.folder)
        if before != after:
            faults.append(f"files changed: {set(after) ^ set(before)}")
        self.report(name, faults)


BUILD = ["build", "m.onnx", "--shape", "x=1x3", "-o"]


def check_surroundings(suite):
    for name, path in (("an empty PATH", ""), ("a PATH without a linker", "/nowhere")):
        suite.refuse(f"build with {name}", [*BUILD, "y"], "'ld.lld-19' not found in PATH", environment={"PATH": path})
    suite.refuse("build without a folder for temporary files", [*BUILD, "y"], "cannot create a folder for temporary files",
                 environment={"TMPDIR": "/nowhere"})  # fmt: skip


def check_full_stdout(suite):
    """What cannot be printed must not pass for printed."""
    for arguments in (["--help"], ["ops"], ["targets"], ["inspect", "m.onnx", "--shape", "x=1x3"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([support.INGOT, *arguments], cwd=suite.folder, stdout=full, stderr=subprocess.PIPE, text=True)
        faults = [] if done.returncode == 1 else [f"exit code {done.returncode}, expected 1"]
        faults += [] if len(done.stderr.splitlines()) == 1 else [f"expected a sentence, stderr: {done.stderr!r}"]
        suite.report(f"{' '.join(arguments)} > /dev/full", faults)


def check_device(suite):
    """A device of its own, like /dev/null: as an output it must stay a device."""
    os.mknod(suite.folder / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    before = list_files(suite.folder)
    suite.run([*BUILD, "null"])
    suite.report("build -o a device", [] if before == list_files(suite.folder) else ["the device was replaced by a file"])
    (suite.folder / "null").unlink()


def check_read_only(suite):
    """As a user who may read the model and write nothing beside it."""
    suite.folder.chmod(0o755)
    (suite.folder / "temporary").chmod(0o777)
    for form, file in (("exe", "y"), ("lib", "y.a"), ("c", "y.c"), ("ll", "y.ll")):
        suite.refuse(f"build --emit {form} into a read-only folder", [*BUILD, file, "--emit", form],
                     "error: cannot create output: Permission denied", user=NOBODY, group=NOBODY, extra_groups=[])  # fmt: skip
    (suite.folder / "m.onnx").chmod(0o600)
    suite.refuse("build of an unreadable model", [*BUILD, "temporary/y"], "m.onnx: error: cannot read the file: Permission denied",
                 user=NOBODY, group=NOBODY, extra_groups=[])  # fmt: skip
    (suite.folder / "m.onnx").chmod(0o644)


@contextlib.contextmanager
def small_disk(folder, kilobytes):
    """A file system of that size at `folder`; False where it cannot be mounted."""
    mounted = not subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder], capture_output=True).returncode
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)


def check_full_disk(suite):
    for form in ("exe", "obj", "lib", "c", "ll", "asm"):
        with small_disk(suite.folder / "folder", 4) as mounted:
            if not mounted:
                return suite.skip("a full disk", "no right to mount")
            suite.refuse(f"build --emit {form} onto a full disk", [*BUILD, "folder/y.c", "--emit", form],
                         "cannot write output: No space left on device")  # fmt: skip
    with small_disk(suite.folder / "temporary", 32):  # the linker's own output does not fit
        suite.refuse("build with a full disk for temporary files", [*BUILD, "y"], "No space left on device")


def check_interrupt(suite):
    """Ctrl-C while the linker runs (a script in its place, that waits) leaves nothing."""
    tools = suite.folder / "tools"
    tools.mkdir()
    (tools / "ld.lld-19").write_text("#!/bin/sh\n: > ../started\nexec sleep 30\n")
    (tools / "ld.lld-19").chmod(0o755)
    before = list_files(suite.folder)
    environment = {**os.environ, "PATH": f"{tools}:/bin:/usr/bin", "TMPDIR": str(suite.folder / "temporary")}
    started = suite.folder.parent / "started"
    process = subprocess.Popen([support.INGOT, *BUILD, "y"], cwd=suite.folder, env=environment, start_new_session=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    for _ in range(1000):
        if started.exists() or process.poll() is not None:
            break
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=30)
    left = {name for name, *_ in set(list_files(suite.folder)) - set(before)}
    faults = [] if started.exists() else ["the linker was not started"]
    suite.report("Ctrl-C while linking", faults + ([f"left behind: {sorted(left)}"] if left else []))
    shutil.rmtree(tools)


def check_other_cpu(suite):
    """The executable on a CPU without its level: its sentence, not SIGILL. qemu's Nehalem is x86-64-v2."""
    name = "an executable on a CPU without its level"
    if not shutil.which("qemu-x86_64-static"):
        return suite.skip(name, "qemu-x86_64-static is not installed")
    for cpu, missing in (("x86-64-v3", "AVX2"), ("x86-64-v4", "AVX-512")):
        suite.run([*BUILD, "y", "--cpu", cpu])
        done = subprocess.run(["qemu-x86_64-static", "-cpu", "Nehalem", suite.folder / "y", "info"], capture_output=True, text=True)
        right = done.returncode == 1 and not done.stdout and len(done.stderr.splitlines()) == 1 and missing in done.stderr
        right = right and f"built for {cpu}" in done.stderr
        suite.report(f"{name}: {cpu}", [] if right else [f"exit code {done.returncode}, {done.stderr!r}"])
        (suite.folder / "y").unlink()


def main():
    support.need_compiler()
    with tempfile.TemporaryDirectory(prefix="ingot-cli-") as outer:
        os.chmod(outer, 0o755)
        folder = Path(outer) / "work"
        folder.mkdir()
        suite = Suite(folder)
        for arguments, expected in CASES:
            with tempfile.TemporaryDirectory(dir=outer) as own:
                suite.folder = Path(own)
                make_folder(suite.folder)
                suite.refuse(arguments[:100] or "(no arguments)", arguments.split(), expected)
        suite.folder = folder
        make_folder(folder)
        for check in (check_surroundings, check_full_stdout, check_interrupt, check_other_cpu):
            check(suite)
        for check in (check_device, check_read_only, check_full_disk):
            check(suite) if os.geteuid() == 0 else suite.skip(check.__name__, "needs root")
    support.finish(suite.passed, suite.failed, suite.skipped)


if __name__ == "__main__":
    main()
