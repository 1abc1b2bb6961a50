#ifndef KEYSVC_KEYSVC_KEYS_OPEN_INTENTS_H_
#define KEYSVC_KEYSVC_KEYS_OPEN_INTENTS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "store/store.h"

namespace keysvc::keys {

// The log indexes of the intents that announced these resources, which are key versions: each is
// announced once. Reads the log backwards and stops at the last one found; a resource whose intent
// is not in the store is left out.
absl::StatusOr<std::map<std::string, std::uint64_t>> FindIntents(store::Store& store,
                                                                 std::set<std::string> resources);

// The log indexes of the intents to deliver a key that have no outcome, each with its key version.
// Reads the log backwards, to where its newest head that speaks of deliveries says that none was
// open (KeyDelivery::HeadFacts), or to its begin. DATA_LOSS/INTEGRITY_FAILURE when a record that it
// goes by is not what was written.
absl::StatusOr<std::map<std::uint64_t, std::string>> FindOpenDeliveries(store::Store& store);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_OPEN_INTENTS_H_
