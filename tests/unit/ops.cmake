# Operators: shapes that hold symbols, and the choice of tiles. What operators compute is tested in tests/ops.
ingot_unit_test(test_ops_infer test_ops_infer.c LIBRARIES ingot_core)
ingot_unit_test(test_ops_axes test_ops_axes.c LIBRARIES ingot_core)
ingot_unit_test(test_ops_tile test_ops_tile.c LIBRARIES ingot_core)
