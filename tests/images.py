"""Readers for the few image files that the tests feed to models: PNG, JPEG, and JPEG as a thumbnail. NumPy only."""

import struct
import zlib

import numpy as np


def read_png(path):
    """uint8 [height, width, 3] of an 8-bit RGB or RGBA PNG without interlacing; alpha is dropped."""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", body)
            assert depth == 8 and color in (2, 6) and not interlace, f"{path}: only 8-bit RGB(A) is read"
        elif kind == b"IDAT":
            packed += body
        at += size + 12
    step = 3 if color == 2 else 4
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * step)
    image, above = np.zeros((height, width * step), np.uint8), np.zeros(width * step, np.uint8)
    for y, row in enumerate(rows):
        image[y] = above = unfilter(int(row[0]), row[1:].astype(np.int64), above.astype(np.int64), step)
    return image.reshape(height, width, step)[..., :3]


def unfilter(kind, row, above, step):
    """Undoes one of PNG's five row filters (PNG specification, 9.2): each byte was stored minus a prediction."""
    if kind in (0, 2):
        return ((row + above) if kind else row).astype(np.uint8)
    out = [0] * step + [0] * len(row)  # a pixel of zeros stands left of the first
    corner = [0] * step + above.tolist()
    for i, value in enumerate(row.tolist()):
        left, up, diagonal = out[i], corner[i + step], corner[i]
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:  # Paeth: whichever neighbour is nearest to left + up - diagonal
            guess = min((left, up, diagonal), key=lambda x: abs(left + up - diagonal - x))
        out[i + step] = (value + guess) & 255
    return np.array(out[step:], np.uint8)


def read_jpeg_thumbnail(path):
    """float32 [height / 8, width / 8, 3] in 0..255: a progressive JPEG at an eighth of its size.

    The first scan of such a file holds the DC coefficients, which are the means of the 8×8 blocks: decoding it is the
    Huffman code of differences alone, and no transform. The scan's point transform costs one bit of their precision.
    """
    data, at, tables, codes = path.read_bytes(), 2, {}, {}
    while True:
        marker, size = struct.unpack(">HH", data[at : at + 4])
        body = data[at + 4 : at + 2 + size]
        if marker == 0xFFDB:  # quantisation: the first entry is that of DC
            tables.update({body[i] & 15: body[i + 1] for i in range(0, len(body), 65)})
        elif marker == 0xFFC4:
            codes.update(read_huffman(body))
        elif marker == 0xFFC2:
            height, width, count = struct.unpack(">HHB", body[1:6])
            parts = [(body[i + 1] >> 4, body[i + 1] & 15, body[i + 2]) for i in range(6, 6 + 3 * count, 3)]
        elif marker == 0xFFDA:
            break
        at += 2 + size
    assert count == 3 and body[0] == 3 and body[-3:-1] == b"\0\0", f"{path}: the first scan is not all DC"
    selectors, shift = [body[2 + 2 * i] >> 4 for i in range(3)], body[-1] & 15
    bits = Bits(data, at + 2 + size)

    across, down = max(p[0] for p in parts), max(p[1] for p in parts)  # blocks in a coding unit
    rows, columns = -(-height // (8 * down)), -(-width // (8 * across))
    planes = [np.zeros((rows * pv, columns * ph)) for ph, pv, _ in parts]
    last = [0, 0, 0]
    for unit in range(rows * columns):
        y, x = divmod(unit, columns)
        for c, (ph, pv, table) in enumerate(parts):
            for block in range(ph * pv):
                last[c] += bits.number(bits.symbol(codes[selectors[c]]))
                planes[c][y * pv + block // ph, x * ph + block % ph] = (last[c] << shift) * tables[table] / 8 + 128
    planes = [np.kron(p, np.ones((down // pv, across // ph))) for p, (ph, pv, _) in zip(planes, parts)]
    return to_rgb(planes, -(-height // 8), -(-width // 8)).astype(np.float32)


def to_rgb(planes, height, width):
    luma, blue, red = (p[:height, :width] for p in planes)
    blue, red = blue - 128, red - 128
    rgb = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], -1)
    return np.clip(rgb, 0, 255)


class Bits:
    """The entropy-coded bits of a scan, read from the first to the last."""

    def __init__(self, data, start):
        end = next(i for i in range(start, len(data)) if data[i] == 0xFF and data[i + 1] != 0)
        self.bits, self.at = "".join(f"{b:08b}" for b in data[start:end].replace(b"\xff\0", b"\xff")), 0

    def symbol(self, codes):
        length = 1
        while (length, self.bits[self.at : self.at + length]) not in codes:
            length += 1
        self.at += length
        return codes[length, self.bits[self.at - length : self.at]]

    def number(self, size):
        """Of `size` bits; those that start with 0 are negative."""
        text = self.bits[self.at : self.at + size]
        self.at += size
        return 0 if not size else int(text, 2) - (0 if text[0] == "1" else (1 << size) - 1)


def read_jpeg(path):
    """uint8 [height, width, 3] of a baseline JPEG of three components; samples of chroma are repeated."""
    data, at, tables, codes = path.read_bytes(), 2, {}, {}
    while True:
        marker, size = struct.unpack(">HH", data[at : at + 4])
        body = data[at + 4 : at + 2 + size]
        if marker == 0xFFDB:
            tables.update({body[i]: np.frombuffer(body, np.uint8, 64, i + 1) for i in range(0, len(body), 65)})
        elif marker == 0xFFC4:
            codes.update(read_huffman(body))
        elif marker == 0xFFC0:
            height, width, count = struct.unpack(">HHB", body[1:6])
            parts = [(body[i + 1] >> 4, body[i + 1] & 15, body[i + 2]) for i in range(6, 6 + 3 * count, 3)]
        assert marker not in (0xFFC2, 0xFFDD), f"{path}: progressive, or with restarts"
        at += 2 + size
        if marker == 0xFFDA:
            break
    selectors, bits = [body[2 + 2 * i] for i in range(count)], Bits(data, at)
    zigzag = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))
    across, down = max(p[0] for p in parts), max(p[1] for p in parts)  # blocks in a coding unit
    rows, columns = -(-height // (8 * down)), -(-width // (8 * across))
    blocks = [np.zeros((rows * pv, columns * ph, 64)) for ph, pv, _ in parts]
    last = [0] * count
    for unit in range(rows * columns):
        y, x = divmod(unit, columns)
        for c, (ph, pv, table) in enumerate(parts):
            for block in range(ph * pv):
                last[c] += bits.number(bits.symbol(codes[selectors[c] >> 4]))
                values, k = blocks[c][y * pv + block // ph, x * ph + block % ph], 1
                values[0] = last[c] * int(tables[table][0])
                while k < 64:
                    zeros, size = divmod(bits.symbol(codes[16 + (selectors[c] & 15)]), 16)
                    if not size and zeros < 15:
                        break
                    k += zeros
                    values[zigzag[k]] = bits.number(size) * int(tables[table][k])
                    k += 1
    # The inverse cosine transform of each block (T.81, A.3.3), then blocks side by side.
    wave = np.cos((2 * np.arange(8)[:, None] + 1) * np.arange(8) * np.pi / 16) * np.where(np.arange(8), 0.5, 0.125**0.5)
    planes = []
    for part, (ph, pv, _) in zip(blocks, parts):
        plane = np.einsum("yu,abuv,xv->aybx", wave, part.reshape(*part.shape[:2], 8, 8), wave, optimize=True) + 128
        plane = plane.reshape(part.shape[0] * 8, part.shape[1] * 8)
        planes.append(np.kron(plane, np.ones((down // pv, across // ph))))
    return np.rint(to_rgb(planes, height, width)).astype(np.uint8)


def read_huffman(body):
    """{table: {(length, bits): symbol}} of a DHT segment; AC tables count from 16."""
    tables, at = {}, 0
    while at < len(body):
        kind, counts = body[at], body[at + 1 : at + 17]
        code, at, table = 0, at + 17, {}
        for length, count in enumerate(counts, 1):
            for _ in range(count):
                table[length, f"{code:0{length}b}"] = body[at]
                code, at = code + 1, at + 1
            code <<= 1
        tables[kind] = table
    return tables


def resize(image, height, width):
    """Bilinear, pixel centres aligned."""

    def axis(size, to):
        at = np.clip((np.arange(to) + 0.5) * size / to - 0.5, 0, size - 1)
        low = np.minimum(at.astype(int), size - 2)
        return low, (at - low).astype(np.float32)

    (y, fy), (x, fx) = axis(image.shape[0], height), axis(image.shape[1], width)
    fy, fx = fy[:, None, None], fx[None, :, None]
    image = image.astype(np.float32)
    top = image[y][:, x] * (1 - fx) + image[y][:, x + 1] * fx
    bottom = image[y + 1][:, x] * (1 - fx) + image[y + 1][:, x + 1] * fx
    return top * (1 - fy) + bottom * fy
