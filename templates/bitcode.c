// All templates as one LLVM module: what the compiler links calls with constant arguments against. Compiled once per
// instruction-set level with -DINGOT_BITCODE, which makes each template an external function that is always inlined:
//   clang-19 --target=TRIPLE -march=LEVEL -DVECTOR_BYTES=N -DINGOT_BITCODE -ffreestanding -nostdlibinc -O3
//     -Xclang -disable-llvm-passes -ffp-contract=fast -emit-llvm -c templates/bitcode.c
#include "templates/control.h"
#include "templates/conv.h"
#include "templates/convert.h"
#include "templates/fold.h"
#include "templates/gemm.h"
#include "templates/cumulate.h"
#include "templates/indices.h"
#include "templates/map.h"
#include "templates/math.h"
#include "templates/math_f64.h"
#include "templates/ml_lookup.h"
#include "templates/ml_score.h"
#include "templates/ml_svm.h"
#include "templates/ml_tree.h"
#include "templates/move.h"
#include "templates/norm.h"
#include "templates/pool.h"
#include "templates/reduce.h"
#include "templates/scatter.h"
#include "templates/sort.h"
