#include "keysvc/cli/request_id.h"

#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "status/abseil.h"
#include "tokenizer/hidden_pan.h"

namespace keysvc::cli {
namespace {

constexpr std::size_t kUuidBytes = 16;

// `bytes` (16 of them) as a UUID of that version.
std::string Uuid(std::string bytes, unsigned version) {
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0fu) | version << 4);
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3fu) | 0x80u);
  const std::string hex = absl::BytesToHexString(bytes);
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

}  // namespace

std::string NewRequestId() {
  std::string id;
  do {
    id = Uuid(crypto::RandomBytes(kUuidBytes), 4);
  } while (tokenizer::MayHidePan(id, tokenizer::kShortestPanInId));
  return id;
}

std::string RequestIdOfCall(const std::string& id, std::uint32_t n) {
  if (n == 0) return id;
  crypto::Sha256Digest digest = crypto::Sha256({id, "/", std::to_string(n)});
  for (;;) {
    std::string of_call = Uuid(std::string(crypto::AsText(digest).substr(0, kUuidBytes)), 8);
    if (!tokenizer::MayHidePan(of_call, tokenizer::kShortestPanInId)) return of_call;
    digest = crypto::Sha256({crypto::AsText(digest)});
  }
}

}  // namespace keysvc::cli
