# Programs: fusion, planning and packing of weights. The interpreter asserts what it reads and writes.
ingot_unit_test(test_program test_program.c program_eval.c LIBRARIES ingot_core)
ingot_unit_test(test_program_random test_program_random.c program_eval.c LIBRARIES ingot_core m)
ingot_unit_test(test_pack test_pack.c LIBRARIES ingot_core)
