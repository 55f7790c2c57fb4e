#!/usr/bin/env python3
"""ImageDecoder against Pillow, which ONNX's reference uses: all formats and layouts, and what is no image.

run.py [TEXT] [--target TARGET]: only pictures whose name holds TEXT; executables for another target, emulated.
"""

import argparse
import concurrent.futures
import io
import os
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support

try:
    from PIL import Image

    import pictures
except ImportError:
    support.skip("Pillow is not installed")

LAYOUTS = ("RGB", "BGR", "Grayscale")


def build(folder, layout, target):
    encoded = helper.make_tensor_value_info("encoded", TensorProto.UINT8, ["bytes"])
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["h", "w", 1 if layout == "Grayscale" else 3])
    node = helper.make_node("ImageDecoder", ["encoded"], ["image"], name="decoder", pixel_format=layout)
    graph = helper.make_graph([node], "g", [encoded], [image])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, folder / f"{layout}.onnx")
    support.build(folder / f"{layout}.onnx", folder / layout, target=target)


def decode(executable, data, target):
    return support.run_model(executable, {"encoded": np.frombuffer(data, np.uint8)}, target)["image"]


def expect(data, layout, rgb=None):
    if rgb is None:
        rgb = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    if layout == "Grayscale":
        return np.array(Image.fromarray(rgb).convert("L"))[..., None]
    return rgb[..., ::-1] if layout == "BGR" else rgb


def check_picture(folder, target, name, data, rgb=None):
    for layout in LAYOUTS:
        got, expected = decode(folder / layout, data, target), expect(data, layout, rgb)
        if got.shape != expected.shape:
            raise support.Failure(f"{layout}: {list(got.shape)}, expected {list(expected.shape)}")
        wrong = int(np.sum(got != expected))
        if wrong:
            most = int(np.abs(got.astype(int) - expected).max())
            raise support.Failure(f"{layout}: {wrong} of {got.size} bytes differ, by {most} at most")


BAD = "the image is damaged or of a kind that is not supported"
LARGE = "needs more memory than the bound"


def faults():
    """(name, encoded, message)"""
    samples = {name: data for name, data in pictures.all_pictures()}
    for name in ("bmp RGB 33x17", "jpeg 4:2:0 33x17", "jpeg 4:2:0 progressive 33x17", "jpeg2000 RGB 33x17", "ppm",
                 "png RGB 33x17", "tiff RGB tiff_lzw 33x17", "webp RGB 33x17"):
        data = samples[name]
        yield f"{name}, half of it", data[: len(data) // 2], BAD
        yield f"{name}, 12 bytes", data[:12], BAD
    yield "nothing", b"", BAD
    yield "text", b"no image at all, only text", BAD
    yield "gif", b"GIF89a" + bytes(20), BAD
    yield "png with a wrong checksum", samples["png RGB 33x17"].replace(b"IDAT", b"IDAT\0", 1), BAD
    side = 65500
    yield "huge bmp", pictures.bmp(side, side, 24, b""), LARGE
    yield "huge pnm", b"P6 65500 65500 255\n", LARGE
    yield "huge png", pictures.png(2**31 - 1, 2**31 - 1, 8, 2, b""), LARGE
    jpeg = samples["jpeg 4:2:0 progressive 33x17"]
    at = jpeg.index(b"\xff\xc2") + 5
    yield "huge jpeg", jpeg[:at] + struct.pack(">HH", side, side) + jpeg[at + 4 :], LARGE
    yield "decoder that needs too much", pictures.save(Image.new("RGB", (4000, 4000)), "JPEG2000"), LARGE


def check_fault(folder, name, data, message):
    with tempfile.TemporaryDirectory(prefix="ingot-test-") as inputs:
        np.save(f"{inputs}/x.npy", np.frombuffer(data, np.uint8))
        command = [folder / "RGB", "run", "--memory", "256M", "-i", f"encoded={inputs}/x.npy", "-o", f"{inputs}/out.npz"]
        try:
            support.execute(command, timeout=60)
        except support.Failure as failure:
            if "step 'decoder'" in str(failure) and message in str(failure):
                return
            raise support.Failure(f"says: {failure}") from None
        raise support.Failure("is decoded")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", nargs="?", default="")
    parser.add_argument("--target")
    options = parser.parse_args()
    support.need_compiler()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="ingot-images-") as name, concurrent.futures.ThreadPoolExecutor(
            os.cpu_count()) as pool:
        folder, jobs = Path(name), {}
        for layout in LAYOUTS:
            build(folder, layout, options.target)
        for picture in [*pictures.all_pictures(), *pictures.grey_of_16_bits()]:
            if options.text in picture[0]:
                jobs[picture[0]] = pool.submit(check_picture, folder, options.target, *picture)
        for fault in faults() if not options.target else ():
            if options.text in fault[0]:
                jobs[fault[0]] = pool.submit(check_fault, folder, *fault)
        for job, result in jobs.items():
            try:
                result.result()
            except support.Failure as failure:
                failed += 1
                print(f"{job}: {failure}")
    support.finish(len(jobs) - failed, failed)


if __name__ == "__main__":
    main()
