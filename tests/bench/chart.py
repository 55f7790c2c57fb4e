"""A bar chart of times as ratios to Ingot's, as SVG."""

from html import escape

COLOURS = ("#1b6ac9", "#d9822b", "#3d9a50", "#a0479b", "#c23b3b", "#7a6a53", "#4f9d9d")
LABEL, WIDTH, BAR, GAP, MOST = 170, 560, 9, 8, 6.0


def draw(results, peers):
    """results: [{"model", "ratios": {peer: peer's time / Ingot's}}]; bars longer than MOST are cut and say their length."""
    lines, y = [], 46
    for i, peer in enumerate(["Ingot", *peers]):
        x = LABEL + i * 92
        lines += [f'<rect x="{x}" y="12" width="10" height="10" fill="{COLOURS[i]}"/>',
                  f'<text x="{x + 14}" y="21">{escape(peer)}</text>']  # fmt: skip
    for result in results:
        top = y
        for i, peer in enumerate(["Ingot", *peers]):
            ratio = 1.0 if i == 0 else result["ratios"].get(peer)
            if ratio is None:
                continue
            length = min(ratio, MOST) / MOST * WIDTH
            lines.append(f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{COLOURS[i]}"/>')
            lines.append(f'<text x="{LABEL + length + 4:.1f}" y="{y + BAR - 1}">{ratio:.2f}</text>')
            y += BAR
        lines.append(f'<text x="{LABEL - 6}" y="{(top + y) / 2 + 4:.1f}" text-anchor="end">{escape(result["model"])}</text>')
        y += GAP
    size = f'width="{LABEL + WIDTH + 50}" height="{y + 6}"'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="10">\n'
            '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(lines) + "\n</svg>\n")  # fmt: skip
