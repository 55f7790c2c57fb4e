// Opening the server's socket.
#pragma once
#include "runtime/system.h"

enum { URL_BYTES = 96 };

// text: "HOST:PORT", HOST an IPv4 address, an IPv6 address in brackets, "localhost" or nothing (all IPv4 addresses);
// port 0 takes any free one. Returns a listening, non-blocking socket and writes "http://HOST:PORT"; -1 with an error.
int open_listener(const char *text, char url[URL_BYTES], Error *error);
