"""Cases of products of matrices in types other than float32."""

import numpy as np
from cases import case, ints
from cases_axes import of

for type in (np.float64, np.int32, np.int64, np.uint32):
    for a, b in (((3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4, 5)),
                 ((2, 1, 3, 40), (3, 40, 33)), ((2, 3, 2, 3, 4), (3, 1, 4, 5))):
        case("MatMul", 13, [of(type, *a), of(type, *b)])
case("MatMul", 13, [of(np.float64, 3, 0), of(np.float64, 0, 4)])
case("Gemm", 13, [of(np.float64, 3, 4), of(np.float64, 5, 4), of(np.float64, 5)], transB=1, alpha=0.5, beta=2.0)
case("Gemm", 13, [of(np.float64, 4, 3), of(np.float64, 4, 5)], transA=1)
