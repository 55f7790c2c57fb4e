#!/usr/bin/env python3
"""Noise taken out of speech by DTLN's two models, block by block with their states carried, an FFT in between.

Ten seconds of speech with noise added go through both servers; the result must be that of ONNX Runtime, which carries
states of its own, and pauses must have become quieter than they were.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
import support
from streaming import RATE, Served, open_reference, read_audio

BLOCK, SHIFT, SECONDS = 512, 128, 10
ATOL = 1e-4  # of samples in -1..1: rounding errors go round with the states


def denoise(mask_model, signal_model, audio):
    """The published loop: overlapping blocks, a mask on the spectrum, then a second model on the signal itself."""
    states = [np.zeros((1, 2, 128, 2), np.float32)] * 2
    block, sum_, out = np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32), np.zeros_like(audio)
    for at in range(0, len(audio) - SHIFT + 1, SHIFT):
        block = np.concatenate([block[SHIFT:], audio[at : at + SHIFT]])
        spectrum = np.fft.rfft(block)
        answer = mask_model({"input_2": np.abs(spectrum).astype(np.float32)[None, None], "input_3": states[0]})
        mask, states[0] = answer["activation_2"], answer["tf_op_layer_stack_2"]
        masked = np.fft.irfft(spectrum * mask[0, 0]).astype(np.float32)
        answer = signal_model({"input_4": masked[None, None], "input_5": states[1]})
        states[1] = answer["tf_op_layer_stack_5"]
        sum_ = np.concatenate([sum_[SHIFT:], np.zeros(SHIFT, np.float32)]) + answer["conv1d_3"].ravel()
        out[at : at + SHIFT] = sum_[:SHIFT]
    return out


def quiet_level(audio):
    """Mean power of the quietest tenth of 20 ms frames after the first second, in decibels."""
    frames = (audio[RATE:].reshape(-1, RATE // 50) ** 2).mean(1)
    return 10 * np.log10(np.sort(frames)[: len(frames) // 10].mean() + 1e-12)


def main():
    support.need_data()
    support.need_compiler()
    clean = read_audio()[: SECONDS * RATE]
    noise = np.random.default_rng(1).standard_normal(len(clean)).astype(np.float32)
    noisy = clean + noise * 0.1 * np.sqrt((clean**2).mean())
    expected = denoise(open_reference("dtln_1"), open_reference("dtln_2"), noisy)
    with tempfile.TemporaryDirectory(prefix="ingot-dtln-") as folder:
        with Served("dtln_1", Path(folder)) as first, Served("dtln_2", Path(folder)) as second:
            got = denoise(first, second, noisy)
    error, before, after = np.abs(got - expected).max(), quiet_level(noisy), quiet_level(got)
    ok = error <= ATOL and after < before - 6
    print(f"{len(noisy) // SHIFT} blocks, largest difference {error:.1e} of samples up to {np.abs(expected).max():.2f}, "
          f"pauses from {before:.0f} to {after:.0f} dB: {'ok' if ok else 'FAILED'}")  # fmt: skip
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    support.run_main(main)
