#include "crypto/ff1.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

using Block = Aes256Block::Block;
__extension__ using Integer = unsigned __int128;

constexpr unsigned kRounds = 10;
constexpr unsigned kLargestRadix = 256;
constexpr Integer kSmallestDomain = 1'000'000;
// Leaves room for one more byte above a half, which Reduced() needs.
constexpr Integer kLargestHalf = Integer{1} << 120U;
// What a half fills at most: the last block of Q then holds it and the round whole.
constexpr std::size_t kLargestHalfBytes = 15;

// radix^count, or `limit` when that is less.
Integer PowerUpTo(Integer limit, unsigned radix, std::size_t count) {
  Integer power = 1;
  for (std::size_t i = 0; i < count; ++i) {
    if (power > limit / radix) return limit;
    power *= radix;
  }
  return power;
}

std::size_t BytesOf(Integer largest) {
  std::size_t bytes = 0;
  for (; largest != 0; largest >>= 8U) ++bytes;
  return bytes;
}

Integer Number(ByteView numerals, unsigned radix) {
  Integer number = 0;
  for (const std::uint8_t numeral : numerals) number = number * radix + numeral;
  return number;
}

void WriteNumerals(Integer number, unsigned radix, std::span<std::uint8_t> out) {
  for (std::size_t i = out.size(); i-- > 0; number /= radix) {
    out[i] = static_cast<std::uint8_t>(number % radix);
  }
}

// The big-endian number in `bytes` modulo `modulus`, which is at most 2^120.
Integer Reduced(ByteView bytes, Integer modulus) {
  Integer rest = 0;
  for (const std::uint8_t byte : bytes) rest = ((rest << 8U) | byte) % modulus;
  return rest;
}

void WriteBigEndian(std::uint64_t number, std::span<std::uint8_t> out) {
  for (std::size_t i = out.size(); i-- > 0; number >>= 8U) {
    out[i] = static_cast<std::uint8_t>(number);
  }
}

void XorInto(Block& block, ByteView bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    block[i] = static_cast<std::uint8_t>(block[i] ^ bytes[i]);
  }
}

// The round function for strings of one length under one tweak. Wiped when it goes.
class Round {
 public:
  Round(const Ff1::BlockCipher& encrypt, unsigned radix, std::size_t length, std::string_view tweak)
      : encrypt_(encrypt) {
    const std::size_t left = length / 2;
    half_bytes_ = BytesOf(PowerUpTo(kLargestHalf, radix, length - left) - 1);
    Block parameters = {1, 2, 1, 0, 0, 0, kRounds, static_cast<std::uint8_t>(left)};
    WriteBigEndian(radix, std::span(parameters).subspan(3, 3));
    WriteBigEndian(length, std::span(parameters).subspan(8, 4));
    WriteBigEndian(tweak.size(), std::span(parameters).subspan(12, 4));
    chain_ = encrypt_(parameters);
    // All of Q but its last block is the tweak's, and the same in every round.
    while (tweak.size() >= last_.size() - half_bytes_) {
      const std::size_t size = std::min(tweak.size(), last_.size());
      XorInto(chain_, AsBytes(tweak.substr(0, size)));
      chain_ = encrypt_(chain_);
      tweak.remove_prefix(size);
    }
    std::copy(tweak.begin(), tweak.end(), last_.begin());
  }
  ~Round() {
    OPENSSL_cleanse(chain_.data(), chain_.size());
    OPENSSL_cleanse(last_.data(), last_.size());
    OPENSSL_cleanse(stream_.data(), stream_.size());
  }
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;

  // The y of round `number` for the half that is not replaced, modulo the other's size.
  Integer Value(unsigned number, Integer half, Integer modulus) {
    for (std::size_t i = 0; i < half_bytes_; ++i, half >>= 8U) {
      last_[last_.size() - 1 - i] = static_cast<std::uint8_t>(half);
    }
    last_[last_.size() - 1 - half_bytes_] = static_cast<std::uint8_t>(number);
    Block block = chain_;
    XorInto(block, last_);
    block = encrypt_(block);
    std::copy(block.begin(), block.end(), stream_.begin());
    block.back() ^= 1U;
    block = encrypt_(block);
    std::copy(block.begin(), block.end(), stream_.begin() + block.size());
    OPENSSL_cleanse(block.data(), block.size());
    const std::size_t size = 4 * ((half_bytes_ + 3) / 4) + 4;
    return Reduced(ByteView(stream_).first(size), modulus);
  }

 private:
  const Ff1::BlockCipher& encrypt_;
  std::size_t half_bytes_ = 0;
  Block chain_{};
  Block last_{};
  std::array<std::uint8_t, 32> stream_{};
};
static_assert(kLargestHalfBytes < std::tuple_size_v<Block>);

// One half and how many values it has.
struct Half {
  Integer value = 0;
  Integer values = 0;
};

}  // namespace

Ff1::Ff1(BlockCipher encrypt, unsigned radix) : encrypt_(std::move(encrypt)), radix_(radix) {}

absl::StatusOr<std::unique_ptr<Ff1>> Ff1::Create(const SecretKey<32>& key, unsigned radix) {
  ASSIGN_OR_RETURN(std::unique_ptr<Aes256Block> created, Aes256Block::Create(key));
  std::shared_ptr<const Aes256Block> aes = std::move(created);
  return std::make_unique<Ff1>([aes](const Block& block) { return aes->Encrypt(block); }, radix);
}

bool Ff1::Admits(unsigned radix, std::size_t length) {
  return radix >= 2 && radix <= kLargestRadix && length >= 2 &&
         PowerUpTo(kSmallestDomain, radix, length) == kSmallestDomain &&
         PowerUpTo(kLargestHalf + 1, radix, length - length / 2) <= kLargestHalf;
}

absl::StatusOr<SecretBytes> Ff1::Encrypt(ByteView numerals, std::string_view tweak) const {
  return Permute(Direction::kEncrypt, numerals, tweak);
}

absl::StatusOr<SecretBytes> Ff1::Decrypt(ByteView numerals, std::string_view tweak) const {
  return Permute(Direction::kDecrypt, numerals, tweak);
}

absl::StatusOr<SecretBytes> Ff1::Permute(Direction direction, ByteView numerals,
                                         std::string_view tweak) const {
  const bool below_radix = std::all_of(numerals.begin(), numerals.end(),
                                       [this](std::uint8_t numeral) { return numeral < radix_; });
  if (!Admits(radix_, numerals.size()) || !below_radix ||
      tweak.size() > std::numeric_limits<std::uint32_t>::max()) {
    return Error(Reason::kInternal, "FF1 does not permute such a string");
  }
  ASSIGN_OR_RETURN(SecretBytes permuted, SecretBytes::Create(numerals.size()));
  const std::size_t left = numerals.size() / 2;
  const std::size_t right = numerals.size() - left;
  std::array<Half, 2> halves = {
      Half{Number(numerals.first(left), radix_), PowerUpTo(kLargestHalf, radix_, left)},
      Half{Number(numerals.subspan(left), radix_), PowerUpTo(kLargestHalf, radix_, right)}};
  Round round(encrypt_, radix_, numerals.size(), tweak);
  for (unsigned i = 0; i < kRounds; ++i) {
    const unsigned number = direction == Direction::kEncrypt ? i : kRounds - 1 - i;
    Half& changed = halves[number % 2];
    const Integer y = round.Value(number, halves[1 - number % 2].value, changed.values);
    changed.value = direction == Direction::kEncrypt
                        ? (changed.value + y) % changed.values
                        : (changed.value + changed.values - y) % changed.values;
  }
  const std::span<std::uint8_t> out = permuted.ExposeMutable(SecretAccess::kGranted);
  WriteNumerals(halves[0].value, radix_, out.first(left));
  WriteNumerals(halves[1].value, radix_, out.subspan(left));
  OPENSSL_cleanse(halves.data(), sizeof(halves));
  return permuted;
}

}  // namespace keysvc::crypto
