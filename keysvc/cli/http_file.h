// HTTP messages and their fields in files, as they are on the wire in HTTP/1.1 (RFC 9112); lines
// may end without a carriage return.
#ifndef KEYSVC_KEYSVC_CLI_HTTP_FILE_H_
#define KEYSVC_KEYSVC_CLI_HTTP_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "keysvc/v1/signing_service.pb.h"

namespace keysvc::cli {

using HttpFields = google::protobuf::RepeatedPtrField<v1::HttpField>;

// A request or a response: its first line, its fields, an empty line, the body as it is, which may
// be empty; without the empty line the body is not given. The authority is the target's, or else
// the field Host; `scheme` counts where the target has none. INVALID_ARGUMENT/FIELD_INVALID, with
// the number of the line, for what is no message.
absl::StatusOr<v1::HttpMessage> ParseHttpMessage(std::string_view text, std::string_view scheme);

// "name: value" lines up to the end or an empty line. Errors as above.
absl::StatusOr<HttpFields> ParseHttpFields(std::string_view text);

// The same the other way round, as `curl --header @FILE` takes them.
std::string HttpFieldLines(const HttpFields& fields);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_HTTP_FILE_H_
