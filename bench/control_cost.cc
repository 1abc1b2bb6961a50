#include "bench/control_cost.h"

#include <time.h>

#include <chrono>
#include <cstddef>
#include <latch>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "audit/clock_watch.h"
#include "audit/merkle.h"
#include "audit/writer.h"
#include "keysvc/rpc/convert.h"
#include "policy/policy.h"
#include "status/macros.h"

namespace keysvc::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Groups as the service has them when many calls are in flight: the writer takes the first record
// at once and the others while that one is synced.
constexpr std::size_t kInFlight = 64;
constexpr std::string_view kIdentity = "spiffe://dev.keysvc.example/payment/settlement";
constexpr std::string_view kPurpose = "settlement";
constexpr std::string_view kRequestId = "3f2b8c1e-6a4d-4f7b-9c0e-5d1a2b3c4d5e";

double MicrosecondsOfProcess() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// The decisions on a call and its limits, and what its record says after them.
absl::StatusOr<audit::Entry> Admit(const policy::Gate& gate, tokenizer::Budgets& budgets,
                                   const std::string& profile) {
  const std::string tenant = profile.substr(0, profile.find('/', profile.find('/') + 1));
  ASSIGN_OR_RETURN(const policy::Caller caller, gate.Identify(kIdentity, "127.0.0.1"));
  RETURN_IF_ERROR(rpc::TenantOf(tenant).status());
  RETURN_IF_ERROR(rpc::CheckRequestId(kRequestId));
  RETURN_IF_ERROR(rpc::CheckPurpose(kPurpose));
  RETURN_IF_ERROR(rpc::CheckBatchSize(1));
  ASSIGN_OR_RETURN(const policy::Permit tokens, gate.Authorize(caller, policy::Action::kDetokenize,
                                                               tenant + "/tokens", kPurpose));
  const absl::Time now = absl::Now();
  RETURN_IF_ERROR(budgets.CheckMisses(tokens, now));
  ASSIGN_OR_RETURN(const policy::Permit permit, gate.Narrow(tokens, profile));
  const std::string token = tenant + "/tokens/tok_" + std::string(34, 'a');
  RETURN_IF_ERROR(budgets.CheckReveal(permit, token, now));
  RETURN_IF_ERROR(budgets.CountLookUp(tokens, absl::OkStatus(), now));
  RETURN_IF_ERROR(budgets.TakeReveal(permit, token, now));
  audit::Entry entry;
  entry.action = "TokenService.Detokenize";
  entry.actor = caller.principal;
  entry.profile = profile;
  entry.identity = caller.identity;
  entry.origin = caller.origin;
  entry.resource = tokens.resource();
  entry.rule = permit.rule();
  entry.purpose = permit.purpose();
  entry.request_id = kRequestId;
  entry.details = {{"data_key_version", "1"}, {"reveal", "full"}};
  entry.items.push_back({.resource = token, .outcome = audit::Outcome::kSuccess, .reason = {}});
  return entry;
}

}  // namespace

ControlCost::ControlCost(std::shared_ptr<const policy::Policy> policy,
                         std::unique_ptr<store::Store> store, std::string profile)
    : gate_(std::move(policy)), store_(std::move(store)), profile_(std::move(profile)) {}

absl::StatusOr<std::unique_ptr<ControlCost>> ControlCost::Make(const Config& config,
                                                               const std::string& profile,
                                                               const std::string& path,
                                                               const crypto::SecretKey<32>& key) {
  ASSIGN_OR_RETURN(auto policy, policy::LoadPolicy(config.policy_file));
  store::SqlcipherOptions options = config.store;
  options.path = path;
  ASSIGN_OR_RETURN(auto store, store::CreateSqlcipherStore(options, key));
  return std::unique_ptr<ControlCost>(
      new ControlCost(std::move(policy), std::move(store), profile));
}

absl::StatusOr<double> ControlCost::Measure(absl::Duration time) {
  ASSIGN_OR_RETURN(const store::FrontierRow row, store_->ReadFrontier());
  ASSIGN_OR_RETURN(audit::Frontier frontier, audit::Frontier::FromRow(row));
  audit::Writer writer(*store_,
                       {.answer_within = absl::Seconds(20),
                        .queue_limit = kInFlight,
                        .actor_limit = kInFlight,
                        .group_limit = kInFlight,
                        .clock = absl::Now,
                        .steady = audit::SinceBoot,
                        .newest = absl::InfinitePast()},
                       std::move(frontier));
  std::mutex mutex;
  absl::Status failure;
  std::size_t calls = 0;
  const double before = MicrosecondsOfProcess();
  for (const auto end = Clock::now() + absl::ToChronoNanoseconds(time); Clock::now() < end;) {
    std::latch answered(kInFlight);
    for (std::size_t i = 0; i < kInFlight; ++i) {
      const auto answer = [&](absl::Status status) {
        if (!status.ok()) {
          const std::lock_guard lock(mutex);
          failure = std::move(status);
        }
        answered.count_down();
      };
      absl::StatusOr<audit::Entry> entry = Admit(gate_, budgets_, profile_);
      if (!entry.ok()) {
        answer(std::move(entry).status());
        continue;
      }
      audit::Submission submission;
      submission.entry = *std::move(entry);
      submission.done = [answer](absl::StatusOr<audit::Written> written) {
        answer(std::move(written).status());
      };
      writer.Submit(std::move(submission));
    }
    answered.wait();
    calls += kInFlight;
  }
  const double used = MicrosecondsOfProcess() - before;
  RETURN_IF_ERROR(failure);
  return used / static_cast<double>(calls);
}

}  // namespace keysvc::bench
