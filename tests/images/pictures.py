"""Encoded pictures of all formats: those that Pillow writes, and by hand what it only reads.

pictures.py FOLDER writes them all: where fuzzing starts from.
"""

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = [(1, 1), (5, 7), (33, 17), (48, 64)]  # height, width


def pixels(height, width, channels=3):
    """Something smooth with noise on it: every value occurs, and codecs have what they are made for."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(height * 1000 + width).integers(0, 40, (height, width, channels))
    waves = [np.sin(x / (3 + c) + c) * np.cos(y / (5 - c)) * 107 + 107 for c in range(channels)]
    return (np.stack(waves, -1) + noise).astype(np.uint8)


def picture(mode, height, width):
    image = Image.fromarray(pixels(height, width))
    if mode == "P":
        return image.quantize(min(256, max(2, height)))
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(pixels(height, width)[..., 1]))
        return image.convert(mode)
    if mode == "CMYK":
        return Image.fromarray(pixels(height, width, 4), mode="CMYK")
    return image.convert(mode)


def save(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def wide(height, width, channels):
    """16 bits a sample, of which the upper 8 are pixels()."""
    lower = np.random.default_rng(7).integers(0, 256, (height, width, channels)).astype(np.uint16)
    return pixels(height, width, channels).astype(np.uint16) * 256 + lower


def png(height, width, depth, color, rows, interlace=0, extra=b""):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    data = zlib.compress(rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data[:9]) + chunk(b"IDAT", data[9:])
            + chunk(b"IEND", b""))


def png_rows(array):
    return b"".join(b"\0" + row.tobytes() for row in array)


def interlaced(array):
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [array[y::down, x::right] for y, x, down, right in passes]
    return b"".join(png_rows(part) for part in parts if part.size)


def bmp(height, width, bits, body, compression=0, palette=b"", masks=b""):
    header = struct.pack("<IiiHHIIIIII", 40, width, height, 1, bits, compression, 0, 0, 0, len(palette) // 4, 0)
    start = 14 + len(header) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + masks + palette + body


def bmp_rows(array, width):
    rows = array.astype("<u2").reshape(-1, width)
    return b"".join(row.tobytes() + b"\0" * (-row.nbytes % 4) for row in rows)


def bitmaps():
    palette = bytes(np.random.default_rng(1).integers(0, 256, 1024).astype(np.uint8))
    p16 = np.random.default_rng(2).integers(0, 65536, (5, 7))
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    yield "bmp 555", bmp(5, 7, 16, bmp_rows(p16, 7))
    yield "bmp 565", bmp(5, 7, 16, bmp_rows(p16, 7), 3, masks=masks)
    yield "bmp downwards", bmp(-5, 7, 16, bmp_rows(p16, 7))
    xbgr = struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00)
    yield "bmp XBGR", bmp(5, 7, 32, bytes(range(140)), 3, masks=xbgr)
    rle8 = bytes([3, 9, 0, 4, 1, 2, 3, 4, 0, 0, 2, 200, 0, 2, 2, 1, 3, 7, 0, 3, 5, 6, 7, 0, 0, 0, 9, 1, 0, 0, 7, 8, 0, 0])
    yield "bmp RLE8", bmp(5, 7, 8, rle8 + bytes([7, 77, 0, 1]), 1, palette)
    rle4 = bytes([3, 0x9A, 0, 4, 0x12, 0x34, 0, 0, 7, 0x56, 0, 0, 0, 3, 0x12, 0x30, 4, 0x77, 0, 1])
    yield "bmp RLE4", bmp(3, 7, 4, rle4, 2, palette[:64])
    core = b"BM" + struct.pack("<IHHIIHHHH", 0, 0, 0, 14 + 12 + 48, 12, 7, 2, 1, 4) + palette[:48] + bytes(range(8))
    yield "bmp OS/2", core


def maps():
    rng = np.random.default_rng(3)
    yield "pbm text", b"P1 # a comment\n7 # width\n3\n" + b"1 0 1 0 1 1 1\n0000111\n# more\n1111 000\n"
    yield "pbm", b"P4\n11 3\n" + bytes(rng.integers(0, 256, 6).astype(np.uint8))
    yield "pgm text", b"P2\n3 2\n200\n0 100 200\n 7\t8 9"
    yield "pgm of 7", b"P5 5 3 7 " + bytes(rng.integers(0, 8, 15).astype(np.uint8))
    yield "ppm text", b"P3\n# c\n2 2\n1000\n" + b" ".join(b"%d" % v for v in rng.integers(0, 1001, 12))
    yield "ppm of 16 bits", b"P6\n5 3\n65535\n" + rng.integers(0, 65536, 45).astype(">u2").tobytes()
    yield "ppm of 100", b"P6\n5 3\n100\n" + bytes(rng.integers(0, 101, 45).astype(np.uint8))
    yield "ppm", b"P6\n#c\n4 3\n255\n" + pixels(3, 4).tobytes()


def pngs():
    for height, width in SIZES:
        size = f"{height}x{width}"
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
            yield f"png {mode} {size}", save(picture(mode, height, width), "PNG")
        yield f"png interlaced {size}", png(height, width, 8, 2, interlaced(pixels(height, width)), 1)
        yield f"png interlaced grey {size}", png(height, width, 8, 0, interlaced(pixels(height, width)[..., 0]), 1)
    for bits in (1, 2, 4):
        yield f"png palette of {bits} bits", save(picture("RGB", 9, 13).quantize(1 << bits), "PNG", bits=bits)
        packed = np.random.default_rng(bits).integers(0, 256, (4, (13 * bits + 7) // 8)).astype(np.uint8)
        yield f"png grey of {bits} bits", png(4, 13, bits, 0, png_rows(packed))
    for color, channels in ((2, 3), (6, 4)):
        rows = png_rows(wide(5, 7, channels).astype(">u2"))
        yield f"png of 16 bits, colour type {color}", png(5, 7, 16, color, rows)


def jpegs():
    for height, width in SIZES:
        size = f"{height}x{width}"
        for sampling in ("4:4:4", "4:2:2", "4:2:0", "4:1:1"):
            for progressive in (False, True):
                yield (f"jpeg {sampling} {'progressive ' * progressive}{size}",
                       save(picture("RGB", height, width), "JPEG", subsampling=sampling, progressive=progressive))
        yield f"jpeg L {size}", save(picture("L", height, width), "JPEG", quality=30)
        yield f"jpeg CMYK {size}", save(picture("CMYK", height, width), "JPEG", quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "jpeg with orientation in EXIF", save(picture("RGB", 33, 17), "JPEG", exif=exif)
    yield "jpeg with restarts", save(picture("RGB", 48, 64), "JPEG", restart_marker_blocks=2)
    yield "jpeg RGB", save(picture("RGB", 33, 17), "JPEG", keep_rgb=True)


def jpegs2000():
    for height, width in SIZES:
        size = f"{height}x{width}"
        for mode in ("L", "LA", "RGB", "RGBA"):
            yield f"jpeg2000 {mode} {size}", save(picture(mode, height, width), "JPEG2000")
        yield f"jpeg2000 code stream {size}", save(picture("RGB", height, width), "JPEG2000", no_jp2=True)
    image = picture("RGB", 48, 64)
    yield "jpeg2000 irreversible", save(image, "JPEG2000", irreversible=True)
    yield "jpeg2000 tiles", save(image, "JPEG2000", tile_size=(16, 16), num_resolutions=3)
    yield "jpeg2000 layers", save(image, "JPEG2000", quality_mode="rates", quality_layers=[20, 5], progression="RPCL")
    yield "jpeg2000 colour transform", save(image, "JPEG2000", mct=1, irreversible=True, quality_layers=[4])


def tiffs():
    for height, width in SIZES:
        size = f"{height}x{width}"
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"):
            for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
                yield f"tiff {mode} {compression} {size}", save(picture(mode, height, width), "TIFF",
                                                                compression=compression)
        for compression in ("group3", "group4"):
            yield f"tiff {compression} {size}", save(picture("1", height, width), "TIFF", compression=compression)
        for mode in ("L", "RGB"):
            yield f"tiff {mode} jpeg {size}", save(picture(mode, height, width), "TIFF", compression="jpeg")
    image = picture("RGB", 5, 7)
    for orientation in range(1, 9):
        yield f"tiff orientation {orientation}", save(image, "TIFF", tiffinfo={274: orientation})
    yield "tiff strips", save(picture("RGB", 48, 64), "TIFF", compression="tiff_lzw", strip_size=1000)
    yield "tiff predictor", save(picture("RGB", 48, 64), "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    yield "tiff of 64 bits", save(image, "TIFF", big_tiff=True)
    yield "tiff white is 0", tiff(5, 7, 0, pixels(5, 7)[..., :1])
    yield "tiff of 16 bits", tiff(5, 7, 2, wide(5, 7, 3))
    yield "tiff planes", tiff(5, 7, 2, pixels(5, 7), planes=True)
    yield "tiff tiles", tiff(20, 37, 2, pixels(20, 37), tile=16)
    yield "tiff big-endian", tiff(5, 7, 2, wide(5, 7, 3), order=">")


def tiff(height, width, photometric, array, planes=False, tile=0, order="<"):
    """Uncompressed; `tile`: its side."""
    array = array.astype(array.dtype.newbyteorder(order))
    channels = array.shape[2]
    blocks = [array.transpose(2, 0, 1)[c] for c in range(channels)] if planes else [array]
    if tile:
        padded = np.zeros((-(-height // tile) * tile, -(-width // tile) * tile, channels), array.dtype)
        padded[:height, :width] = array
        blocks = [padded[y : y + tile, x : x + tile] for y in range(0, padded.shape[0], tile)
                  for x in range(0, padded.shape[1], tile)]
    places, body = [], b""
    for block in blocks:
        places.append(8 + len(body))
        body += block.tobytes()
    sizes = [block.nbytes for block in blocks]
    tags = {256: [width], 257: [height], 258: [array.itemsize * 8] * channels, 259: [1], 262: [photometric],
            277: [channels], 284: [2 if planes else 1]}
    tags |= {322: [tile], 323: [tile], 324: places, 325: sizes} if tile else {273: places, 278: [height], 279: sizes}
    at, entries = 8 + len(body), b""
    for tag, values in sorted(tags.items()):
        data = struct.pack(f"{order}{len(values)}I", *values)
        value = data
        if len(values) > 1:
            value, body, at = struct.pack(f"{order}I", at), body + data, at + len(data)
        entries += struct.pack(f"{order}HHI", tag, 4, len(values)) + value
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}I", at) + body + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def webps():
    for height, width in SIZES:
        size = f"{height}x{width}"
        for mode in ("L", "RGB", "RGBA"):
            for lossless in (False, True):
                yield (f"webp {mode} {'lossless ' * lossless}{size}",
                       save(picture(mode, height, width), "WEBP", lossless=lossless, quality=70))
    frames = [picture("RGB", 33, 17), picture("RGB", 33, 17).rotate(90)]
    yield "webp animation", save(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=10)


def simple_bmps():
    for height, width in SIZES:
        for mode in ("1", "L", "P", "RGB", "RGBA"):
            yield f"bmp {mode} {height}x{width}", save(picture(mode, height, width), "BMP")


def all_pictures():
    for make in (simple_bmps, bitmaps, jpegs, jpegs2000, maps, pngs, tiffs, webps):
        yield from make()


def grey_of_16_bits():
    """Pillow clips these to 255 where everything else keeps the upper 8 bits: (name, encoded, expected)."""
    grey = wide(5, 7, 1)
    upper = np.repeat((grey >> 8).astype(np.uint8), 3, axis=2)
    yield "png grey of 16 bits", png(5, 7, 16, 0, png_rows(grey.astype(">u2"))), upper
    yield "tiff grey of 16 bits", tiff(5, 7, 1, grey), upper
    rounded = np.repeat(np.rint(grey / 65535 * 255).astype(np.uint8), 3, axis=2)
    yield "pgm of 16 bits", b"P5 7 5 65535\n" + grey.astype(">u2").tobytes(), rounded


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in all_pictures():
        if "48x64" not in name:
            (folder / name.replace(" ", "_").replace("/", "").replace(":", "")).write_bytes(data)
