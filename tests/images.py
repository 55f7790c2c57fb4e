"""Readers for the few image files that the tests feed to models: PNG, and JPEG as a thumbnail. NumPy only."""

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
    start = at + 2 + size
    end = next(i for i in range(start, len(data)) if data[i] == 0xFF and data[i + 1] != 0)
    bits = "".join(f"{b:08b}" for b in data[start:end].replace(b"\xff\0", b"\xff"))

    across, down = max(p[0] for p in parts), max(p[1] for p in parts)  # blocks in a coding unit
    rows, columns = -(-height // (8 * down)), -(-width // (8 * across))
    planes = [np.zeros((rows * pv, columns * ph)) for ph, pv, _ in parts]
    position, last = 0, [0, 0, 0]
    for unit in range(rows * columns):
        y, x = divmod(unit, columns)
        for c, (ph, pv, table) in enumerate(parts):
            for block in range(ph * pv):
                length = 1
                while (length, bits[position : position + length]) not in codes[selectors[c]]:
                    length += 1
                size = codes[selectors[c]][length, bits[position : position + length]]
                extra = bits[position + length : position + length + size]
                position += length + size
                if size:
                    value = int(extra, 2)
                    last[c] += value if extra[0] == "1" else value - (1 << size) + 1
                planes[c][y * pv + block // ph, x * ph + block % ph] = (last[c] << shift) * tables[table] / 8 + 128
    planes = [np.kron(p, np.ones((down // pv, across // ph))) for p, (ph, pv, _) in zip(planes, parts)]
    luma, blue, red = (p[: -(-height // 8), : -(-width // 8)] for p in planes)
    blue, red = blue - 128, red - 128
    rgb = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], -1)
    return np.clip(rgb, 0, 255).astype(np.float32)


def read_huffman(body):
    """{table: {(length, bits): symbol}} of the DC tables of a DHT segment."""
    tables, at = {}, 0
    while at < len(body):
        kind, counts = body[at], body[at + 1 : at + 17]
        code, at, table = 0, at + 17, {}
        for length, count in enumerate(counts, 1):
            for _ in range(count):
                table[length, f"{code:0{length}b}"] = body[at]
                code, at = code + 1, at + 1
            code <<= 1
        if kind < 16:
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
