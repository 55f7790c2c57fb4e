"""Cases of convolutions and pools of one to four spatial dims, in every type."""

import numpy as np
from cases import case, floats, ints
from cases_axes import of

# --- convolutions -------------------------------------------------------------------------------------------------

case("Conv", 11, [(2, 3, 5, 6, 7), floats(4, 3, 3, 2, 3), floats(4)])
case("Conv", 11, [(2, 3, 5, 6, 7), (4, 3, 3, 2, 3)], pads=[1, 0, 2, 1, 1, 0], strides=[2, 1, 3])
case("Conv", 11, [(1, 4, 5, 6, 7), floats(6, 2, 2, 3, 1), floats(6)], group=2, dilations=[2, 1, 3],
     pads=[1, 1, 1, 1, 1, 1])
case("Conv", 11, [(1, 6, 5, 6, 7), floats(6, 1, 3, 3, 3)], group=6, auto_pad="SAME_UPPER", strides=[2, 2, 2])
case("Conv", 11, [(1, 3, 4, 5, 6), floats(5, 3, 1, 1, 1)])
case("Conv", 11, [(1, 2, 4, 3, 4, 3), floats(3, 2, 2, 2, 2, 2)], pads=[1] * 8)

for given in (False, True):
    def weights(*shape):
        return shape if given else floats(*shape)

    case("ConvTranspose", 11, [(2, 3, 5, 4), weights(3, 6, 3, 3)])
    case("ConvTranspose", 11, [(2, 3, 5, 4), weights(3, 6, 3, 3), floats(6)], strides=[2, 2], pads=[1, 1, 1, 1],
         output_padding=[1, 1])
    case("ConvTranspose", 11, [(2, 4, 5, 4), weights(4, 3, 4, 2), floats(6)], strides=[2, 3], group=2)
    case("ConvTranspose", 11, [(2, 4, 5, 4), weights(4, 3, 3, 2)], strides=[3, 2], dilations=[2, 3], group=2,
         pads=[2, 0, 1, 1])
case("ConvTranspose", 11, [(2, 3, 5, 4), floats(3, 6, 3, 3)], dilations=[2, 1], pads=[1, 1, 0, 1])
case("ConvTranspose", 11, [(2, 3, 5, 4), floats(3, 6, 2, 2)], strides=[3, 3])
case("ConvTranspose", 11, [(1, 3, 5, 4), floats(3, 2, 3, 3)], strides=[3, 2], output_shape=[16, 9])
case("ConvTranspose", 11, [(1, 3, 5, 4), floats(3, 2, 3, 3)], strides=[2, 2], auto_pad="SAME_UPPER")
case("ConvTranspose", 11, [(1, 3, 5, 4), floats(3, 2, 3, 3)], strides=[2, 2], auto_pad="SAME_LOWER")
case("ConvTranspose", 11, [(2, 3, 7), floats(3, 4, 5), floats(4)], strides=[2], pads=[2, 1])
case("ConvTranspose", 11, [(1, 3, 4, 3, 5), floats(3, 4, 3, 2, 3), floats(4)], strides=[2, 1, 2], pads=[1, 0, 1, 0, 1, 1])
case("ConvTranspose", 11, [(1, 3, 4, 3, 5), floats(3, 4, 3, 2, 3)])
case("ConvTranspose", 11, [(1, 6, 4, 4), floats(6, 1, 4, 4)], strides=[2, 2], group=6, pads=[1, 1, 1, 1])

# --- pools --------------------------------------------------------------------------------------------------------

for op in ("MaxPool", "AveragePool"):
    opset = 12 if op == "MaxPool" else 19
    case(op, opset, [(2, 3, 5, 6, 7)], kernel_shape=[2, 3, 2], strides=[2, 1, 2], pads=[1, 1, 0, 0, 1, 1])
    case(op, opset, [(2, 3, 5, 6, 7)], kernel_shape=[2, 3, 2], strides=[3, 2, 2], ceil_mode=1)
    case(op, opset, [(2, 3, 9, 6, 7)], kernel_shape=[3, 2, 2], dilations=[2, 1, 3])
    case(op, opset, [(2, 3, 5, 6, 7)], kernel_shape=[2, 3, 2], auto_pad="SAME_LOWER", strides=[2, 2, 2])
case("AveragePool", 19, [(1, 2, 5, 6, 7)], kernel_shape=[3, 3, 3], pads=[1] * 6, count_include_pad=1)
for type in (np.float64, np.int8, np.uint8):
    case("MaxPool", 12, [of(type, 2, 3, 7, 8)], kernel_shape=[3, 2], pads=[1, 0, 2, 1], strides=[2, 1])
case("MaxPool", 12, [of(np.int8, 2, 3, 9)], kernel_shape=[4], pads=[3, 1])
for order in (0, 1):
    case("MaxPool", 12, [(2, 3, 7, 8)], outputs=2, kernel_shape=[3, 2], pads=[1, 0, 2, 1], strides=[2, 1],
         storage_order=order)
    case("MaxPool", 12, [(2, 3, 5, 4, 6)], outputs=2, kernel_shape=[3, 2, 2], dilations=[2, 1, 1],
         storage_order=order)
case("MaxPool", 12, [(2, 3, 9)], outputs=2, kernel_shape=[3], strides=[2], ceil_mode=1)
case("GlobalAveragePool", 1, [(2, 3, 4, 5, 6)])
case("GlobalMaxPool", 1, [(2, 3, 7)])
case("LpPool", 18, [(1, 2, 5, 6, 7)], kernel_shape=[2, 3, 2], p=3)

# --- deformable convolutions ----------------------------------------------------------------------------------------

case("DeformConv", 19, [(2, 4, 6, 5), floats(6, 2, 3, 2), (2, 24, 3, 5), floats(6), (2, 12, 3, 5)], group=2,
     offset_group=2, strides=[2, 1], pads=[1, 1, 0, 1], dilations=[1, 2])
case("DeformConv", 19, [(1, 3, 6, 5), (4, 3, 2, 2), (1, 8, 5, 4)])
