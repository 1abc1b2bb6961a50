#ifndef KEYSVC_TOKENIZER_STORED_TOKENS_H_
#define KEYSVC_TOKENIZER_STORED_TOKENS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/store.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"

namespace keysvc::tokenizer {

struct StoredTokensOptions {
  bool open_every_row = false;
  // Else so many of the newest, and as many chosen at random.
  std::size_t sample = 256;
  // Told every `rows_per_report` rows how many have been read.
  std::function<void(std::uint64_t rows)> progress;
  std::uint64_t rows_per_report = 1'000'000;
  // Which profiles were declared once, are not now, and have keys: tenant, name, and whether they
  // are of the family ff1.
  std::vector<Profile> former = {};
};

// What was found, and found sound.
struct StoredTokens {
  std::uint64_t rows = 0;
  std::uint64_t changes = 0;         // of rows that were there already
  std::uint64_t opened = 0;          // MAC, AEAD, the record and the way from card to row checked
  std::uint64_t undeclared = 0;      // of retired profiles, or deleted: by their MACs alone
  std::uint64_t without_record = 0;  // from before rows named their records
};

// FAILED_PRECONDITION/PROFILE_CHANGED, naming them all, when any of the `former` profiles (as in
// StoredTokensOptions) is of the family ff1 and not retired: its tokens are kept nowhere, so nobody
// can say that there are none. Reads no rows, and is asked before keys are made for new profiles:
// such a key would make one more former profile of a name that is taken back.
absl::Status LookForComputed(const Profiles& profiles, const std::vector<Profile>& former);

// Reads every token row: its key versions are there and its record is in the log. Of a sample, or
// of all, it also checks the MAC, opens the card, and finds the token's name in its record.
// DATA_LOSS/INTEGRITY_FAILURE when something is wrong, and when fewer rows are there, or were
// changed less often, than the newest head of the log that counts them says.
// FAILED_PRECONDITION/PROFILE_CHANGED, naming the profile, when its number is that of tokens of
// another one, or its tokens have another number, or when its tokens are from when it was of
// another family, or deterministic and is not, or the other way; or when there are tokens of it
// that are not deleted, or, of the family ff1, which keeps nothing, may be, and it is neither
// declared nor retired: all such are named at once. A retired name has to be one of
// `options.former`. What the keys answer when they can't be used at the moment. Nobody may write
// meanwhile. Reads every row once, in the order in which they lie in the file.
absl::StatusOr<StoredTokens> CheckStoredTokens(store::Store& store, const Profiles& profiles,
                                               KeySource& keys, const StoredTokensOptions& options);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_STORED_TOKENS_H_
