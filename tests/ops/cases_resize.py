"""Cases of Resize beyond images: any axes, modes and types, and sizes that are given when the model runs."""

import numpy as np
from cases import PLACES, Fed, case, f32, floats, ints, resize
from cases_axes import fed, of


def given(*numbers):
    return Fed(f32(*numbers))


for place in PLACES:
    for mode in ("nearest", "linear"):
        for scales in ((1, 1, 2, 2.5), (1, 1, 0.7, 1.45)):
            resize(place, Fed(floats(1, 2, 5, 6)), scales, Fed, mode=mode)
        case("Resize", 13, [(1, 2, 7, 6), None, None, fed(1, 2, 9, 4)], mode=mode, coordinate_transformation_mode=place)
    for scales in ((1, 1, 2, 1.5), (1, 1, 0.6, 0.8)):
        for exclude in (0, 1):
            resize(place, Fed(floats(1, 2, 7, 6)), scales, mode="cubic", exclude_outside=exclude, cubic_coeff_a=-0.5)
    case("Resize", 13, [(1, 2, 7, 6), None, None, fed(1, 2, 9, 4)], mode="cubic", coordinate_transformation_mode=place)
case("Resize", 13, [(2, 3, 4, 5, 6), None, f32(1, 1, 2, 1.5, 0.5)], mode="nearest")
case("Resize", 13, [(1, 2, 4, 5, 6), None, f32(1, 1, 2, 1.5, 0.5)], mode="linear")
case("Resize", 13, [(3, 4, 5), None, f32(2, 1, 2)], mode="nearest")
case("Resize", 13, [of(np.uint8, 1, 2, 4, 5), None, f32(1, 1, 2, 3)], mode="nearest")
case("Resize", 13, [of(np.int32, 2, 3, 4, 5), None, f32(2, 2, 2, 2)], mode="nearest")
case("Resize", 18, [(1, 2, 9, 7), None, None, fed(4, 12)], axes=[2, 3], mode="nearest",
     keep_aspect_ratio_policy="not_larger")
case("Resize", 18, [(1, 2, 9, 7), None, None, fed(4, 12)], axes=[3, 2], mode="linear",
     keep_aspect_ratio_policy="not_smaller")
for region in (f32(0, 0, 0.2, 0.3, 1, 1, 0.7, 0.9), given(0, 0, -0.3, 0.4, 1, 1, 1.2, 0.6)):
    for mode in ("nearest", "linear", "cubic"):
        case("Resize", 13, [(1, 1, 6, 5), region, None, ints(1, 1, 4, 7)], mode=mode, extrapolation_value=3.5,
             coordinate_transformation_mode="tf_crop_and_resize")
case("Upsample", 9, [(1, 2, 4, 6), given(1, 1, 2, 3)], mode="nearest")
