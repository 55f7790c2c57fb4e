"""Draws digits as a hand would: strokes of a pen with wandering control points, then slant, size and wobble.

Every glyph is a list of strokes, a stroke a list of points in a box of 0..1 (y down) that a smooth curve goes through.
"""

import numpy as np

SIZE = 28


def arc(cx, cy, rx, ry, start, end, points=9):
    """Points on an ellipse; degrees, 0 is right, 90 is down."""
    a = np.radians(np.linspace(start, end, points))
    return [(cx + rx * np.cos(t), cy + ry * np.sin(t)) for t in a]


# Several ways to write each digit, since hands differ.
GLYPHS = [
    [[arc(0.5, 0.5, 0.3, 0.42, -90, 270, 13)], [arc(0.5, 0.5, 0.24, 0.42, -60, 310, 13)]],
    [[[(0.5, 0.08), (0.5, 0.5), (0.5, 0.92)]], [[(0.34, 0.26), (0.54, 0.08), (0.54, 0.5), (0.54, 0.92)]],
     [[(0.34, 0.26), (0.52, 0.08)], [(0.52, 0.08), (0.52, 0.92)], [(0.34, 0.92), (0.7, 0.92)]]],
    [[arc(0.5, 0.3, 0.26, 0.22, -170, 30, 7) + [(0.24, 0.9)], [(0.24, 0.9), (0.5, 0.9), (0.78, 0.9)]],
     [arc(0.48, 0.3, 0.25, 0.22, -160, 40, 7) + [(0.36, 0.78), (0.22, 0.86), (0.3, 0.76), (0.45, 0.84), (0.8, 0.9)]]],
    [[arc(0.46, 0.29, 0.24, 0.21, -150, 90, 8), arc(0.46, 0.7, 0.28, 0.21, -90, 150, 8)],
     [[(0.25, 0.1), (0.72, 0.1)], [(0.72, 0.1), (0.46, 0.42)], arc(0.45, 0.67, 0.28, 0.25, -88, 150, 8)]],
    [[[(0.6, 0.08), (0.2, 0.62)], [(0.2, 0.62), (0.82, 0.62)], [(0.62, 0.36), (0.62, 0.92)]],
     [[(0.26, 0.1), (0.24, 0.3), (0.28, 0.48)], [(0.28, 0.48), (0.72, 0.46)], [(0.72, 0.08), (0.7, 0.5), (0.68, 0.92)]]],
    [[[(0.74, 0.1), (0.3, 0.1)], [(0.3, 0.1), (0.27, 0.45)], arc(0.47, 0.66, 0.27, 0.25, -140, 140, 10)],
     [[(0.76, 0.1), (0.34, 0.12), (0.3, 0.44)] + arc(0.48, 0.66, 0.25, 0.24, -110, 150, 8)]],
    [[[(0.66, 0.08), (0.42, 0.28), (0.28, 0.56)] + arc(0.5, 0.7, 0.24, 0.21, 180, -170, 11)],
     [[(0.42, 0.06), (0.3, 0.36), (0.27, 0.64)] + arc(0.5, 0.72, 0.22, 0.19, 150, -190, 11)]],
    [[[(0.22, 0.1), (0.78, 0.1)], [(0.78, 0.1), (0.56, 0.46), (0.42, 0.92)]],
     [[(0.22, 0.12), (0.76, 0.1)], [(0.76, 0.1), (0.54, 0.5), (0.46, 0.92)], [(0.36, 0.5), (0.72, 0.48)]]],
    [[arc(0.5, 0.29, 0.2, 0.2, 90, 450, 11), arc(0.5, 0.7, 0.25, 0.21, -90, 270, 11)],
     [[(0.7, 0.18), (0.5, 0.09), (0.3, 0.24), (0.5, 0.48), (0.74, 0.72), (0.5, 0.92), (0.26, 0.72), (0.5, 0.48),
       (0.72, 0.22), (0.7, 0.18)]]],
    [[arc(0.48, 0.31, 0.23, 0.22, 0, -360, 11), [(0.71, 0.31), (0.7, 0.6), (0.64, 0.92)]],
     [arc(0.48, 0.31, 0.22, 0.22, -20, -350, 10) + [(0.7, 0.34), (0.68, 0.66)] + arc(0.48, 0.72, 0.2, 0.19, 20, 140, 5)]],
]


def smooth(points, steps=4):
    """A Catmull-Rom spline through the points, as a polyline."""
    p = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.vstack([curve.reshape(-1, 2), points[-1:]])


def draw_digit(random, digit):
    """One digit as float32 [28, 28] in 0..1, ink bright on a dark ground."""
    variants = GLYPHS[digit]
    strokes = variants[random.integers(len(variants))]
    lines = [smooth(np.array(s) + random.normal(0, 0.022, (len(s), 2))) for s in strokes]

    # Affine: size, slant and rotation about the middle of the box, then anywhere near the middle of the image.
    turn, slant = random.normal(0, 0.13), random.normal(0, 0.18)
    width, height = random.uniform(13, 22), random.uniform(17, 23)
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, -slant], [0, 1]]) @ np.diag([width, height])
    middle = (SIZE - 1) / 2 + random.normal(0, 1.0, 2)

    # Elastic: two slow waves move every point a little.
    waves = random.normal(0, 0.25, (2, 2)), random.uniform(0, 2 * np.pi, 2), random.normal(0, 0.6, (2, 2))
    segments = []
    for line in lines:
        line = (line - 0.5) @ matrix.T
        for k in range(2):
            line = line + np.sin(line @ waves[0][k] + waves[1][k])[:, None] * waves[2][k]
        segments.append(np.hstack([line[:-1], line[1:]]) + np.tile(middle, 2))
    start, end = np.split(np.vstack(segments), 2, axis=1)

    # Ink: full within the pen's radius of a segment, fading over about a pixel.
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    pixels = np.stack([x.ravel(), y.ravel()], 1)[:, None]
    along = end - start
    t = ((pixels - start) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-6)
    near = start + np.clip(t, 0, 1)[..., None] * along
    distance = np.sqrt(((pixels - near) ** 2).sum(-1)).min(1)
    ink = np.clip(random.uniform(0.7, 1.6) - distance + 0.5, 0, 1) * random.uniform(0.75, 1)
    noise = random.normal(0, random.uniform(0, 0.04), ink.shape)
    return np.clip(ink + noise, 0, 1).astype(np.float32).reshape(SIZE, SIZE)


def draw_digits(seed, count):
    """Images float32 [count, 1, 28, 28] and labels int64 [count]."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count)
    return np.stack([draw_digit(random, d) for d in labels])[:, None], labels


def write_pgm(path, image):
    """Plain (text) PGM, 8 bits: every pixel can be read in an editor."""
    rows = [" ".join(f"{round(float(v) * 255):3d}" for v in row) for row in image]
    path.write_text(f"P2\n{SIZE} {SIZE}\n255\n" + "\n".join(rows) + "\n")
