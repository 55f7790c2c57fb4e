# --emit=c: compiles what it writes, so that it takes longer than other unit tests.
ingot_unit_test(test_emit_c test_emit_c.c LIBRARIES ingot_core m)
add_dependencies(test_emit_c ingot_resources)
set_tests_properties(test_emit_c PROPERTIES TIMEOUT 900)
