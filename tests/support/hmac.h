#ifndef KEYSVC_TESTS_SUPPORT_HMAC_H_
#define KEYSVC_TESTS_SUPPORT_HMAC_H_

#include <string>

namespace keysvc::testing {

// HMAC-SHA-256 with a published key of any length, of which there is nothing to keep secret.
std::string HmacSha256(const std::string& key, const std::string& message);

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_SUPPORT_HMAC_H_
