#!/usr/bin/env python3
"""Trains the digit classifier with NumPy alone and writes digits.onnx, images/*.pgm and images/labels.txt.

    train.py [--mnist FOLDER]     takes a few minutes on one core; FOLDER holds t10k-{images-idx3,labels-idx1}-ubyte.gz

Conv 3×3 (8) - BatchNorm - Relu - MaxPool - Conv 3×3 (16) - BatchNorm - Relu - MaxPool - Gemm - Softmax, Adam, batches of
64. Tensors are NCHW as in ONNX. Every layer has `forward` and `backward`; `backward` takes the gradient of its output,
keeps those of its parameters in `self.grads` and returns that of its input.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from draw import SIZE, draw_digits, write_pgm

HERE = Path(__file__).resolve().parent
TRAIN_SEED, TEST_SEED, IMAGE_SEED = 1, 2, 3
TRAIN_COUNT, TEST_COUNT, EPOCHS, BATCH, RATE = 30000, 10000, 6, 64, 2e-3


class Conv:
    """3×3 convolution with padding 1, as one matrix product over the nine shifted images."""

    def __init__(self, random, channels, filters):
        self.params = [random.normal(0, np.sqrt(2 / (9 * channels)), (filters, channels, 3, 3)), np.zeros(filters)]

    def forward(self, x, training):
        w, b = self.params
        n, c, h, wide = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        shifts = [padded[:, :, i : i + h, j : j + wide] for i in range(3) for j in range(3)]
        self.columns = np.stack(shifts, 2).reshape(n, c * 9, h * wide)
        return (w.reshape(len(w), -1) @ self.columns).reshape(n, -1, h, wide) + b[:, None, None]

    def backward(self, dy):
        w = self.params[0]
        n, f, h, wide = dy.shape
        flat = dy.reshape(n, f, -1)
        self.grads = [np.einsum("nfp,ncp->fc", flat, self.columns, optimize=True).reshape(w.shape), dy.sum((0, 2, 3))]
        shifts = (w.reshape(f, -1).T @ flat).reshape(n, -1, 9, h, wide)
        dx = np.zeros((n, shifts.shape[1], h + 2, wide + 2), dy.dtype)
        for k in range(9):
            dx[:, :, k // 3 : k // 3 + h, k % 3 : k % 3 + wide] += shifts[:, :, k]
        return dx[:, :, 1:-1, 1:-1]


class BatchNorm:
    """Per channel over batch and pixels; running mean and variance are what the exported model uses."""

    EPSILON = 1e-5

    def __init__(self, channels):
        self.params = [np.ones(channels), np.zeros(channels)]
        self.mean, self.var = np.zeros(channels), np.ones(channels)

    def forward(self, x, training):
        mean, var = (x.mean((0, 2, 3)), x.var((0, 2, 3))) if training else (self.mean, self.var)
        if training:
            self.mean, self.var = 0.95 * self.mean + 0.05 * mean, 0.95 * self.var + 0.05 * var
        self.scale = 1 / np.sqrt(var + self.EPSILON)[:, None, None]
        self.normal = (x - mean[:, None, None]) * self.scale
        gamma, beta = self.params
        return gamma[:, None, None] * self.normal + beta[:, None, None]

    def backward(self, dy):
        self.grads = [(dy * self.normal).sum((0, 2, 3)), dy.sum((0, 2, 3))]
        count = dy.size / dy.shape[1]
        dgamma, dbeta = (g[:, None, None] / count for g in self.grads)
        return self.params[0][:, None, None] * self.scale * (dy - dbeta - self.normal * dgamma)


class Relu:
    params = []

    def forward(self, x, training):
        self.on = x > 0
        return x * self.on

    def backward(self, dy):
        return dy * self.on


class MaxPool:
    """2×2, stride 2."""

    params = []

    def forward(self, x, training):
        n, c, h, w = x.shape
        cells = x.reshape(n, c, h // 2, 2, w // 2, 2)
        y = cells.max((3, 5), keepdims=True)
        self.chosen = cells == y
        return y.reshape(n, c, h // 2, w // 2)

    def backward(self, dy):
        n, c, h, w = dy.shape
        share = self.chosen / self.chosen.sum((3, 5), keepdims=True, dtype=np.float32)  # equal maxima share the gradient
        return (share * dy.reshape(n, c, h, 1, w, 1)).reshape(n, c, 2 * h, 2 * w)


class Gemm:
    """Flattens, then x·Wᵀ + b."""

    def __init__(self, random, inputs, outputs):
        self.params = [random.normal(0, np.sqrt(1 / inputs), (outputs, inputs)), np.zeros(outputs)]

    def forward(self, x, training):
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        return self.x @ self.params[0].T + self.params[1]

    def backward(self, dy):
        self.grads = [dy.T @ self.x, dy.sum(0)]
        return (dy @ self.params[0]).reshape(self.shape)


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def forward(layers, x, training=False):
    for layer in layers:
        x = layer.forward(x, training)
    return x


def train(layers, images, labels, random):
    """Adam (Kingma and Ba, 2015) on the cross entropy; the rate falls to zero along a cosine."""
    for layer in layers:
        layer.params = [p.astype(np.float32) for p in layer.params]
    moments = [[(np.zeros_like(p), np.zeros_like(p)) for p in layer.params] for layer in layers]
    steps, step = EPOCHS * (len(images) // BATCH), 0
    for epoch in range(EPOCHS):
        order, losses = random.permutation(len(images)), []
        for at in range(0, len(images) - BATCH + 1, BATCH):
            chosen, step = order[at : at + BATCH], step + 1
            p = softmax(forward(layers, images[chosen], training=True))
            losses.append(-np.log(p[np.arange(BATCH), labels[chosen]] + 1e-12).mean())
            gradient = (p - np.eye(10, dtype=np.float32)[labels[chosen]]) / BATCH
            for layer in reversed(layers):
                gradient = layer.backward(gradient)
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps)) * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            for layer, moment in zip(layers, moments):
                for i, (p, (m, v)) in enumerate(zip(layer.params, moment)):
                    g = layer.grads[i]
                    m += 0.1 * (g - m)
                    v += 0.001 * (g * g - v)
                    p -= (rate * m / (np.sqrt(v) + 1e-8)).astype(np.float32)
        print(f"epoch {epoch + 1}/{EPOCHS}: loss {np.mean(losses):.4f}", flush=True)


def accuracy(layers, images, labels):
    guesses = [forward(layers, images[i : i + 500]).argmax(1) for i in range(0, len(images), 500)]
    return float(np.mean(np.concatenate(guesses) == labels))


def export(layers, path):
    """Writes the network as ONNX: input `image` float32 [1, 1, 28, 28], output `probabilities` float32 [1, 10]."""
    nodes, weights, value = [], [], "image"

    def add(op, arrays=(), **attributes):
        nonlocal value
        name = f"{op.lower()}{sum(n.op_type == op for n in nodes) + 1}"
        inputs = [value]
        for role, array in arrays:
            weights.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), f"{name}.{role}"))
            inputs.append(weights[-1].name)
        value = "probabilities" if op == "Softmax" else name
        nodes.append(helper.make_node(op, inputs, [value], name=name, **attributes))

    for layer in layers:
        p = layer.params
        if isinstance(layer, Conv):
            add("Conv", [("weight", p[0]), ("bias", p[1])], kernel_shape=[3, 3], pads=[1] * 4)
        elif isinstance(layer, BatchNorm):
            parts = [("scale", p[0]), ("bias", p[1]), ("mean", layer.mean), ("var", layer.var)]
            add("BatchNormalization", parts, epsilon=layer.EPSILON)
        elif isinstance(layer, Relu):
            add("Relu")
        elif isinstance(layer, MaxPool):
            add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        else:
            add("Flatten")
            add("Gemm", [("weight", p[0]), ("bias", p[1])], transB=1)
    add("Softmax", axis=1)

    tensor = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(
        nodes, "digits", [tensor("image", [1, 1, SIZE, SIZE])], [tensor("probabilities", [1, 10])], weights
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="examples/digits/train.py"
    )
    save(model, path)


def read_mnist(folder):
    pixels, labels = (
        gzip.decompress((folder / f"t10k-{part}-ubyte.gz").read_bytes()) for part in ("images-idx3", "labels-idx1")
    )
    images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 1, SIZE, SIZE).astype(np.float32) / 255
    return images, np.frombuffer(labels, np.uint8, offset=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", type=Path, help="also measure on the MNIST test images of this folder")
    options = parser.parse_args()

    random = np.random.default_rng(TRAIN_SEED)
    layers = [Conv(random, 1, 8), BatchNorm(8), Relu(), MaxPool(), Conv(random, 8, 16), BatchNorm(16), Relu(), MaxPool(),
              Gemm(random, 16 * 7 * 7, 10)]
    print(f"drawing {TRAIN_COUNT} digits", flush=True)
    train(layers, *draw_digits(TRAIN_SEED, TRAIN_COUNT), random)
    export(layers, HERE / "digits.onnx")

    print(f"accuracy on {TEST_COUNT} digits drawn afresh: {accuracy(layers, *draw_digits(TEST_SEED, TEST_COUNT)):.2%}")
    if options.mnist:
        images, labels = read_mnist(options.mnist)
        print(f"accuracy on {len(images)} MNIST images, never trained on: {accuracy(layers, images, labels):.2%}")

    # One new image of each digit for the demonstration.
    images, labels = draw_digits(IMAGE_SEED, 200)
    (HERE / "images").mkdir(exist_ok=True)
    first = [int(np.argmax(labels == digit)) for digit in range(10)]
    for digit, i in enumerate(first):
        write_pgm(HERE / "images" / f"{digit}.pgm", images[i, 0])
    (HERE / "images/labels.txt").write_text("".join(f"{digit}.pgm {digit}\n" for digit in range(10)))


if __name__ == "__main__":
    main()
