#include "bench/signing_ceiling.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "pkcs11/key_objects.h"
#include "pkcs11/mechanisms.h"
#include "pkcs11/session.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::bench {
namespace {

constexpr std::string_view kMessage = R"({"order": 4711, "amount": 1250, "currency": "EUR"})";

}  // namespace

absl::StatusOr<std::unique_ptr<SigningCeiling>> SigningCeiling::Open(
    const pkcs11::TokenOptions& options) {
  std::unique_ptr<SigningCeiling> ceiling(new SigningCeiling(options));
  ASSIGN_OR_RETURN(ceiling->module_, pkcs11::Module::Load(options.module_path));
  RETURN_IF_ERROR(ceiling->module_->Initialize());
  ASSIGN_OR_RETURN(ceiling->token_,
                   pkcs11::Token::LogIn(ceiling->module_->functions(), {options.token_label, {}},
                                        ceiling->pin_file_));
  return ceiling;
}

absl::StatusOr<double> SigningCeiling::Measure(const std::string& label,
                                               pkcs11::Mechanism mechanism, absl::Duration time) {
  std::vector<std::unique_ptr<pkcs11::Session>> sessions;
  sessions.reserve(sessions_);
  for (std::size_t i = 0; i < sessions_; ++i) {
    ASSIGN_OR_RETURN(sessions.emplace_back(), token_->OpenSession());
  }
  ASSIGN_OR_RETURN(const auto key, pkcs11::FindKey(*sessions.front(), label));
  if (!key.has_value()) return Error(Reason::kKeyNotFound, "the token lacks the signing key");

  const std::string input = pkcs11::SigningInput(mechanism, kMessage);
  std::atomic<bool> stopping = false;
  std::atomic<std::uint64_t> made = 0;
  std::mutex mutex;
  absl::Status failure;
  const auto sign = [&](pkcs11::Session& session) {
    std::uint64_t mine = 0;
    while (!stopping.load(std::memory_order_relaxed)) {
      const auto signature = session.Sign(key->secret, pkcs11::SigningMechanism(mechanism), input);
      if (!signature.ok()) {
        const std::lock_guard lock(mutex);
        failure = signature.status();
        break;
      }
      ++mine;
    }
    made += mine;
  };
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  threads.reserve(sessions.size());
  for (const auto& session : sessions) threads.emplace_back(sign, std::ref(*session));
  absl::SleepFor(time);
  stopping = true;
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  RETURN_IF_ERROR(failure);
  return static_cast<double>(made.load()) / took.count();
}

}  // namespace keysvc::bench
