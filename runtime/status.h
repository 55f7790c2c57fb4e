// The sentence for a status that a kernel returned.
#pragma once

const char *describe_status(int status);
