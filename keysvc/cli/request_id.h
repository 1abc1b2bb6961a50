#ifndef KEYSVC_KEYSVC_CLI_REQUEST_ID_H_
#define KEYSVC_KEYSVC_CLI_REQUEST_ID_H_

#include <cstdint>
#include <string>

namespace keysvc::cli {

// A random UUID (RFC 9562 version 4) that the service records as it is: no card number may stand in
// it (tokenizer/hidden_pan.h).
std::string NewRequestId();

// The id of the n-th call that a command makes under one id: `id` itself for the first, and for the
// others a UUID (version 8) that the same command gives again, so that repeating it is safe; none
// that a card number may stand in.
std::string RequestIdOfCall(const std::string& id, std::uint32_t n);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_REQUEST_ID_H_
