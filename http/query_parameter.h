// Single parameters of a query as components of a signature (RFC 9421 section 2.2.8), written
// @query-param;name="Pet". The name is encoded as the value is: letters, digits and *-._ as they
// are, every other byte as %20.
#ifndef KEYSVC_HTTP_QUERY_PARAMETER_H_
#define KEYSVC_HTTP_QUERY_PARAMETER_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keysvc::http {

inline constexpr std::string_view kQueryParameter = "@query-param";

// The component of the parameter with this encoded name.
std::string QueryParameterComponent(std::string_view encoded_name);
// The encoded name in such a component; nullopt for other components and names that are not encoded
// in the one form.
std::optional<std::string_view> QueryParameterNameOf(std::string_view component);

// The encoded value of the parameter. A query is parsed as application/x-www-form-urlencoded.
// INVALID_ARGUMENT/FIELD_INVALID when the query does not have the parameter, or has it more than
// once.
absl::StatusOr<std::string> QueryParameterOf(std::string_view query, std::string_view encoded_name);

}  // namespace keysvc::http

#endif  // KEYSVC_HTTP_QUERY_PARAMETER_H_
