#!/usr/bin/env python3
"""A classifier of file contents on its reference examples, in batches of one and of all: labels must be the published
ones, and scores no farther from the published ones than ONNX Runtime's are.

The examples name labels; which output belongs to which label, they tell: labels are sorted by name, so that every label
must have one output and later names later ones.
"""

import base64
import gzip
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
import support

NAME = "magika_v3_3"
BLOCK, TAKEN, PADDING = 4096, 1024, 256  # bytes looked at, bytes kept, what fills up
# The model takes variances as E[x²] - E[x]², which float32 cannot hold: of scores in float64, ONNX Runtime's are up to
# 1.2e-3 off and Ingot's 1.9e-4.
ATOL = 2e-3


def features(content):
    """int32 [2048]: the first bytes behind white space, and the last ones before it."""
    begin, end = content[:BLOCK].lstrip()[:TAKEN], content[-BLOCK:].rstrip()[-TAKEN:]
    tokens = np.full(2 * TAKEN, PADDING, np.int32)
    tokens[: len(begin)] = list(begin)
    tokens[2 * TAKEN - len(end) :] = list(end)
    return tokens


def read_examples():
    """[(tokens, label, score)] of the contents that are large enough to ask the model."""
    packed = support.DATA / "models/data/magika/standard_v3_3-inference_examples_by_content.json.gz"
    found = []
    for example in json.loads(gzip.decompress(packed.read_bytes())):
        content, prediction = base64.b64decode(example["content_base64"]), example["prediction"]
        if prediction["dl"] != "undefined":
            found.append((features(content), prediction["dl"], prediction["score"]))
    return found


def main():
    support.need_data()
    support.need_compiler()
    model, examples = support.DATA / "models" / f"{NAME}.onnx", read_examples()
    every = np.stack([tokens for tokens, _, _ in examples])
    with tempfile.TemporaryDirectory(prefix="ingot-magika-") as folder:
        executable = Path(folder) / NAME
        support.build(model, executable)
        run = lambda tokens: support.run_model(executable, {"bytes": tokens})
        scores = run(every)
        alone = {"target_label": np.concatenate([run(row[None])["target_label"] for row in every[:20]])}
    expected = support.run_ort(support.open_ort(model), {"bytes": every})
    worst = support.compare(scores, expected, ATOL)
    worst |= support.compare(alone, {n: a[:20] for n, a in expected.items()}, ATOL)
    published = np.array([score for _, _, score in examples])
    off, ort_off = (np.abs(a["target_label"].max(1) - published).max() for a in (scores, expected))
    print(f"{len(examples)} contents: {worst.absolute:.2e} from ONNX Runtime; from the published scores {off:.2e}, "
          f"ONNX Runtime {ort_off:.2e}")  # fmt: skip
    failed, output_of = int(worst.share > 1) + int(off > 1.01 * ort_off), {}
    for row, (_, label, score) in zip(scores["target_label"], examples):
        output = int(np.argmax(row))
        if output_of.setdefault(label, output) != output:
            print(f"output {output} with {row[output]:.6f}, expected {label} with {score:.6f}")
            failed += 1
    outputs = [output_of[label] for label in sorted(output_of)]
    if outputs != sorted(set(outputs)):
        print(f"outputs {output_of} are not those of labels sorted by name")
        failed += 1
    print(f"{len(output_of)} labels found")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    support.run_main(main)
