// What the command line says of what is kept with tokens, and how that is shown.
#ifndef KEYSVC_KEYSVC_CLI_METADATA_OPTIONS_H_
#define KEYSVC_KEYSVC_CLI_METADATA_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <string>

#include "google/protobuf/repeated_ptr_field.h"
#include "keysvc/v1/token_service.pb.h"

namespace keysvc::cli {

using MetadataValues = google::protobuf::RepeatedPtrField<v1::MetadataValue>;

// Adds an option that takes FIELD=VALUE and may be there several times. `values` outlive the verb.
void AddMetadata(CLI::App& verb, const char* name, MetadataValues& values, const char* help);

// "order=17,store=berlin".
std::string TextOf(const MetadataValues& values);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_METADATA_OPTIONS_H_
