#include "bench/clients.h"

#include <CLI/CLI.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keysvc/cli/connection.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::bench {
namespace {

constexpr int kConnections = 2;

absl::StatusOr<cli::Endpoint> ReadProfile(const std::string& path) {
  cli::Endpoint endpoint;
  CLI::App profile;
  profile.set_config("--profile-file", path, "", /*config_required=*/true);
  profile.add_option("--server", endpoint.server);
  profile.add_option("--ca", endpoint.ca_file);
  profile.add_option("--certificate", endpoint.certificate_file);
  profile.add_option("--key,--private-key", endpoint.key_file);
  profile.add_option("--server-name", endpoint.server_name);
  try {
    profile.parse(std::vector<std::string>());
  } catch (const CLI::Error&) {
    return Error(Reason::kConfigInvalid, absl::StrCat("not a client profile: ", path));
  }
  return endpoint;
}

}  // namespace

absl::StatusOr<Channels> OpenChannels(const std::string& profile, const std::string& server) {
  ASSIGN_OR_RETURN(cli::Endpoint endpoint, ReadProfile(profile));
  endpoint.server = server;
  Channels channels;
  for (int i = 0; i < kConnections; ++i) {
    // Credentials of their own keep gRPC from sharing one connection between the channels.
    ASSIGN_OR_RETURN(const cli::Connection connection, cli::Connection::Open(endpoint));
    channels.push_back(connection.channel());
  }
  return channels;
}

absl::StatusOr<Clients> Clients::Open(const std::string& folder, const std::string& server) {
  Clients clients;
  ASSIGN_OR_RETURN(clients.tokenizing, OpenChannels(folder + "/checkout.ini", server));
  ASSIGN_OR_RETURN(clients.revealing, OpenChannels(folder + "/settlement.ini", server));
  ASSIGN_OR_RETURN(const Channels officers, OpenChannels(folder + "/officer-1.ini", server));
  clients.officer = officers.front();
  return clients;
}

}  // namespace keysvc::bench
