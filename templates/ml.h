// Numbers that templates of classical models and the compiler agree on.
#pragma once

// Trees, see ml_tree.h. Outcomes of a comparison:
enum { TREE_LESS = 1, TREE_EQUAL = 2, TREE_GREATER = 4, TREE_NAN = 8, TREE_FEATURE = (1 << 28) - 1 };
// What all nodes ask: x <= value or x < value, with a NaN going to the second child or where each node's word says;
// TREE_ANY: as the word says.
enum { TREE_LE, TREE_LT, TREE_LE_NAN, TREE_LT_NAN, TREE_ANY };
enum { TREE_AVERAGE, TREE_SUM, TREE_MIN, TREE_MAX };
enum { TREE_LANES = 8 }; // trees or rows that walk together

// Scores, see ml_score.h.
enum { SCORES_NONE, SCORES_SOFTMAX, SCORES_LOGISTIC, SCORES_SOFTMAX_ZERO, SCORES_PROBIT };
// How a single score becomes those of two classes: (1 - s, s) or (-s, s); SECOND_NONE: it stays alone.
enum { SECOND_NONE, SECOND_COMPLEMENT, SECOND_NEGATED };
// Which number labels[row] gets: none; of the first largest score, among those that are seen; 1 where one score is more
// than the limit, else 0; 1 where the largest is more than the limit (or, AT_LEAST, equal), else that of the largest.
enum { LABEL_NONE, LABEL_LARGEST, LABEL_OVER, LABEL_LARGEST_OVER, LABEL_LARGEST_AT_LEAST };

// Element types of look-ups, see ml_lookup.h.
enum { KEY_I64, KEY_I32, KEY_I16, KEY_F32, KEY_F64 };
