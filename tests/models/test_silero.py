#!/usr/bin/env python3
"""Voice activity of a minute of speech, chunk by chunk with the state carried, through the server of each silero_vad.

Every chunk's probability must be ONNX Runtime's, which carries a state of its own, and so must the segments of speech
that the probabilities give. Executables are built without --shape: one takes 16 kHz and 8 kHz, which are branches.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
import support
from streaming import RATE, Served, open_reference, read_audio

ATOL = 1e-4  # of a probability: rounding errors go round with the state


def probabilities_by_state(run, audio, rate):
    """silero_vad v5 and v6: 32 ms a chunk, behind the last 4 ms of the chunk before."""
    size, context = rate * 32 // 1000, rate * 4 // 1000
    state, before, found = np.zeros((2, 1, 128), np.float32), np.zeros(context, np.float32), []
    for at in range(0, len(audio) - size + 1, size):
        chunk = audio[at : at + size]
        answer = run({"input": np.concatenate([before, chunk])[None], "state": state, "sr": np.array(rate)})
        before, state = chunk[-context:], answer["stateN"]
        found.append(answer["output"].item())
    return np.array(found), size


def probabilities_by_cells(run, audio, rate):
    """silero_vad before v5: 96 ms a chunk, the state of two LSTM layers."""
    size, found = rate * 96 // 1000, []
    h = c = np.zeros((2, 1, 64), np.float32)
    for at in range(0, len(audio) - size + 1, size):
        answer = run({"input": audio[None, at : at + size], "sr": np.array(rate), "h": h, "c": c})
        h, c = answer["hn"], answer["cn"]
        found.append(answer["output"].item())
    return np.array(found), size


def find_segments(probabilities, chunk_ms, on=0.5, off=0.35, pause_ms=100, least_ms=250):
    """[(from, to)] in chunks: speech starts where a probability reaches `on` and ends with a pause below `off`."""
    segments, start, quiet = [], None, None
    for i, p in enumerate(probabilities):
        if start is None:
            start = i if p >= on else None
        elif p >= off:
            quiet = None
        elif quiet is None:
            quiet = i
        if start is not None and quiet is not None and (i - quiet) * chunk_ms >= pause_ms:
            segments.append((start, quiet))
            start = quiet = None
    segments += [(start, len(probabilities))] if start is not None else []
    return [(a, b) for a, b in segments if (b - a) * chunk_ms >= least_ms]


MODELS = {
    "silero_vad_v5": probabilities_by_state,
    "silero_vad_v6": probabilities_by_state,
    "silero_vad_legacy": probabilities_by_cells,
}


def check(name, folder):
    failed, judge, audio, reference = 0, MODELS[name], read_audio(), open_reference(name)
    with Served(name, folder) as served:
        for rate in (RATE, RATE // 2):
            heard = audio if rate == RATE else audio.reshape(-1, 2).mean(1)
            (got, size), (expected, _) = judge(served, heard, rate), judge(reference, heard, rate)
            error, milliseconds = np.abs(got - expected).max(), 1000 * size // rate
            ours, theirs = (find_segments(p, milliseconds) for p in (got, expected))
            spoken = sum(b - a for a, b in ours) / len(got)
            ok = error <= ATOL and ours == theirs and len(ours) > 1 and 0.1 < spoken < 1
            failed += not ok
            print(f"{name} at {rate} Hz: {len(got)} chunks, largest difference {error:.1e}, {len(ours)} segments "
                  f"(ONNX Runtime {len(theirs)}), {spoken:.0%} speech: {'ok' if ok else 'FAILED'}", flush=True)  # fmt: skip
    return failed


def main():
    support.need_data()
    support.need_compiler()
    with tempfile.TemporaryDirectory(prefix="ingot-silero-") as folder:
        failed = sum(check(name, Path(folder)) for name in MODELS)
    support.finish(2 * len(MODELS) - failed, failed)


if __name__ == "__main__":
    support.run_main(main)
