#!/usr/bin/env python3
"""The command line in good forms: what each flag promises, on the example model.

Every form of output is taken to its end: objects and libraries are linked into a C program that runs the model through
the public header, the LLVM text and the assembly are assembled. The answers must be ONNX Runtime's.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
import support
import zoo

MODEL = zoo.MODELS["digits"]
SHAPE = "image=1x1x28x28"

# Reads x.raw, runs the model, writes y.raw; as a user would write it, with the header that comes with the compiler.
PROGRAM = """
#include "ingot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const IngotModel digits;

int main(void) {
  IngotTensor in = ingot_input(&digits, 0), out = ingot_output(&digits, 0);
  if (ingot_input_count(&digits) != 1 || ingot_output_count(&digits) != 1) return 2;
  if (strcmp(in.name, "image") || in.rank != 4 || in.dims[3] != 28 || in.bytes != 4 * 28 * 28 || out.bytes != 40) return 3;
  void *memory = aligned_alloc(64, ingot_memory_bytes(&digits));
  void *x = aligned_alloc(64, (in.bytes + 63) / 64 * 64), *y = aligned_alloc(64, 64);
  FILE *file = fopen("x.raw", "rb");
  if (!file || fread(x, 1, in.bytes, file) != in.bytes || fclose(file) || ingot_open(&digits, memory)) return 4;
  int status = ingot_run(memory, (const void *[]){x}, (void *[]){y});
  if (status) return fprintf(stderr, "%s\\n", ingot_status_text(status)), 1;
  file = fopen("y.raw", "wb");
  if (!file || fwrite(y, 1, out.bytes, file) != out.bytes || fclose(file)) return 5;
  free(memory), free(x), free(y);
  return 0;
}
"""


def ingot(folder, *arguments):
    return subprocess.run([support.INGOT, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=120)


def build(folder, *arguments):
    """Builds the model with these arguments besides; it must succeed. Returns the finished process."""
    done = ingot(folder, "build", MODEL.path(), *arguments)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}"
    return done


def compile_and_run(folder, *command):
    """Compiles a program, runs it on x.raw, compares y.raw with what is expected."""
    support.execute([*command, "-o", "program"], cwd=folder)
    support.execute(["./program"], cwd=folder)
    return np.fromfile(folder / "y.raw", np.float32)


def check_forms(folder, expect):
    """--emit: every form, with the compilers a user has."""
    (folder / "main.c").write_text(PROGRAM)
    include = f"-I{support.RESOURCES / 'runtime'}"
    for form, file in (("obj", "digits.o"), ("lib", "digits.a")):
        build(folder, f"--emit={form}")
        assert (folder / file).is_file(), f"--emit={form} without -o did not make '{file}'"
        for compiler in (["gcc"], ["clang-19"], ["gcc", "-fsanitize=address,undefined"]):
            flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", include]
            expect(f"--emit={form}, {' '.join(compiler)}", compile_and_run(folder, *compiler, *flags, "main.c", file))
    build(folder, "--emit", "c", "--cpu", "x86-64-v2")
    for compiler in ("gcc", "clang-19"):
        support.execute([compiler, "-std=gnu17", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
                         "-DDIGITS_MAIN", "digits.c", "-o", "program"], cwd=folder)  # fmt: skip
        support.execute(["./program", "x.raw", "y.raw"], cwd=folder)
        expect(f"--emit=c, {compiler} with sanitizers", np.fromfile(folder / "y.raw", np.float32))
    build(folder, "--emit=ll", "-o", "digits.ll")
    support.execute(["clang-19", "-c", "-Wno-override-module", "digits.ll", "-o", "ll.o"], cwd=folder)
    build(folder, "--emit=asm", "-o", "digits.s")
    support.execute(["gcc", "-c", "digits.s", "-o", "asm.o"], cwd=folder)
    symbols = [support.execute(["nm", "--defined-only", f"{n}.o"], cwd=folder).stdout for n in ("ll", "asm")]
    assert all("ingot_model" in s for s in symbols), "--emit=ll or asm defines no model"


def check_dumps(folder):
    """--dump-after: each pass that the help of the option names prints its text, and 'all' prints them all."""
    said = ingot(folder, "build", MODEL.path(), "--dump-after", "nothing").stderr
    passes = said.split("none of ")[1].split(";")[0].split(", ")
    assert len(passes) > 5 and passes[-2:] == ["lower", "all"], passes
    for name in passes[:-1]:
        text = build(folder, "--dump-after", name).stdout
        title, *lines = text.splitlines()
        assert title == f"# after {name}" and len(lines) > 5, f"--dump-after {name}: {text[:200]!r}"
        assert "image" in text and text.count("# after ") == 1, f"--dump-after {name} does not show one graph"
    everything = build(folder, "--dump-after=all").stdout
    assert [f"# after {name}" in everything for name in passes[:-1]] == [True] * (len(passes) - 1)


def check_options(folder, expect):
    done = build(folder, "-v", "-o", "verbose")
    assert not done.stdout, "-v prints to stdout"
    for stage in ("read", "passes", "lower", "emit", "link", "total"):
        assert any(line.split()[:1] == [stage] and line.endswith("ms") for line in done.stderr.splitlines()), f"-v: no {stage}"
    done = build(folder)
    assert not done.stdout and not done.stderr, "a build that works says something"
    x = {"image": np.fromfile(folder / "x.raw", np.float32).reshape(1, 1, 28, 28)}
    for arguments in ([], [f"--shape={SHAPE}"], ["--shape", SHAPE], ["--threads", "2"], ["--threads=0"], ["--cpu", "native"],
                      ["--target", "x86_64-linux"], ["--target=x86_64-linux", "--cpu=x86-64-v2"]):  # fmt: skip
        build(folder, *arguments)
        expect(" ".join(arguments) or "no options", support.run_model(folder / "digits", x)["probabilities"].ravel())
    for command in (["--help"], ["--version"], ["ops"], ["targets"], ["inspect", MODEL.path()]):
        done = ingot(folder, *command)
        assert done.returncode == 0 and done.stdout and not done.stderr, f"{command}: {done.returncode}, {done.stderr!r}"


def main():
    support.need_compiler()
    with tempfile.TemporaryDirectory(prefix="ingot-forms-") as folder:
        folder, inputs, checked = Path(folder), MODEL.inputs(seed=1), []
        reference = support.run_ort(support.open_ort(MODEL.path()), inputs)["probabilities"].ravel()
        inputs["image"].tofile(folder / "x.raw")

        def expect(what, got):
            share = support.compare({"y": got}, {"y": reference}).share
            assert share <= 1, f"{what}: {share:.3g} times the bound"
            checked.append(what)

        check_forms(folder, expect)
        check_options(folder, expect)
        check_dumps(folder)
    print(f"right answers: {'; '.join(checked)}")


if __name__ == "__main__":
    try:
        main()
    except (support.Failure, AssertionError) as failure:
        sys.exit(f"test_forms.py: {failure}")
