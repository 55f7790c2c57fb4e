#!/usr/bin/env python3
"""A language model tells a story through its server: a prompt, then token by token, its keys and values growing.

At every step the logits and the grown keys and values must be ONNX Runtime's, and so must the most likely token; the
tokens must spell the story. Telling it again must take no more memory than the first time did.
"""

import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "server")]
import numpy as np
import support
from asking import ask
from serving import Server

NAME = "tinystories_656k_kv"
PROMPT = (1, 80, 147, 201, 282, 57)  # start, " ", "On", "ce ", "upon a tim", "e"
END, MOST = 2, 200
# How the model's tokenizer spells the tokens of the first sentences.
PIECES = {
    94: ", ", 108: " the ", 163: ". She ", 220: "play", 251: "her ", 263: ", and ", 267: "se ", 303: "Lily ",
    313: ", a ", 319: "bird ", 328: "saw a ", 333: "mom", 436: "loved to ", 552: "small ", 598: "little girl named ",
    604: "dog", 615: ". One day, ", 628: "with her ", 1030: "Spot", 1049: "lived in a ", 1053: " all day", 1210: "dad",
    1269: "on the ground", 1468: "small hou",
}  # fmt: skip
STORY = (", a little girl named Lily lived in a small house with her mom, dad, and her dog, Spot, Spot, loved to play "
         "all day. One day, Lily saw a small bird on the ground. She ")  # fmt: skip
SLACK_KB = 64  # pages that the allocator and the kernel move between two looks


def tell(run):
    """Continues the prompt greedily; [(inputs, outputs, token)] of each step. `run` takes and gives {name: array}."""
    caches = {f"past_{kind}_{layer}": np.zeros((1, 4, 0, 16), np.float32) for layer in (0, 1) for kind in "kv"}
    tokens, steps = list(PROMPT), []
    while tokens[0] != END and len(steps) < MOST:
        inputs = {"input_ids": np.array([tokens], np.int64), **caches}
        outputs = run(inputs)
        tokens = [int(np.argmax(outputs["logits"][0, -1]))]
        caches = {name: outputs[name.replace("past", "present")] for name in caches}
        steps.append((inputs, outputs, tokens[0]))
    return steps


def read_memory(process):
    """Resident memory in KB."""
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


def check(steps, session):
    """The worst difference from ONNX Runtime, which continues by itself: its tokens must be the same."""
    expected, worst = tell(lambda inputs: support.run_ort(session, inputs)), support.Difference()
    tokens = [token for _, _, token in steps]
    if tokens != [token for _, _, token in expected]:
        raise support.Failure(f"tokens {tokens}, ONNX Runtime {[token for _, _, token in expected]}")
    for inputs, outputs, _ in steps:
        worst |= support.compare(outputs, support.run_ort(session, inputs))
    if worst.share > 1:
        raise support.Failure(f"{worst.share:.3g} times the bound from ONNX Runtime")
    if tokens[-1] != END:
        raise support.Failure(f"no end within {MOST} tokens")
    text = ""
    for token in tokens:
        if token not in PIECES:
            break
        text += PIECES[token]
    if text != STORY:
        raise support.Failure(f"the story begins '{text}'")
    return worst


def main():
    support.need_data()
    support.need_compiler()
    model = support.DATA / "models" / f"{NAME}.onnx"
    with tempfile.TemporaryDirectory(prefix="ingot-stories-") as folder:
        executable = Path(folder) / NAME
        support.build(model, executable)
        with Server(str(executable)) as server:
            client, memory = server.connect(), []
            for _ in range(3):
                steps = tell(lambda inputs: ask(client, NAME, inputs))
                memory.append(read_memory(server.process))
    worst = check(steps, support.open_ort(model))
    print(f"{len(steps)} tokens: {worst.share:.1%} of the bound from ONNX Runtime; KB after each story: {memory}")
    print(f"Once upon a time{STORY}...")
    if memory[2] > memory[0] + SLACK_KB:
        raise support.Failure(f"memory grows from {memory[0]} to {memory[2]} KB")


if __name__ == "__main__":
    support.run_main(main)
