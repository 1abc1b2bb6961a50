#include "bench/run.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/calls.h"
#include "bench/cards.h"
#include "bench/child_process.h"
#include "bench/clients.h"
#include "bench/control_cost.h"
#include "bench/deployment.h"
#include "bench/signing_ceiling.h"
#include "bench/store_ceiling.h"
#include "bench/sync_ceiling.h"
#include "bench/usage.h"
#include "bench/verify_ceiling.h"
#include "crypto/public_key.h"
#include "crypto/random.h"
#include "keysvc/keys/deployment.h"
#include "pkcs11/cryptoki_hsm.h"
#include "status/abseil.h"
#include "status/macros.h"

namespace keysvc::bench {
namespace {

constexpr std::size_t kBatchesInFlight = 16;
constexpr double kPacedPart = 0.5;
constexpr char kControlCost[] = "control-cost";
constexpr char kFairness[] = "fairness";
constexpr char kFairnessOfEcho[] = "echo.fairness";
constexpr char kAlone[] = "-alone";
constexpr char kBeside[] = "-beside";
constexpr std::size_t kFairInFlight = 16;
constexpr absl::Duration kEchoPatience = absl::Seconds(20);

std::uint64_t RandomNumber(std::uint64_t below) {
  std::uint64_t number = 0;
  for (const char byte : crypto::RandomBytes(sizeof(number))) {
    number = number << 8U | static_cast<std::uint8_t>(byte);
  }
  return number % below;
}

struct Measure {
  std::string id;
  std::string what;
  bool ceiling = false;
  std::function<absl::StatusOr<Sample>()> take;
};

// What is measured on, from a populated vault to the last round.
class Bench {
 public:
  Bench(const RunOptions& options, const Progress& progress)
      : options_(options),
        progress_(progress),
        profile_(options.server.empty() ? Deployment::kProfile : options.profile),
        calls_(profile_, options.family, RandomNumber(kCardNumbers), options.tokens) {}

  absl::StatusOr<Figures> Run() {
    RETURN_IF_ERROR(options_.server.empty() ? PrepareOwn() : PrepareOther());
    AddMeasures();
    std::erase_if(measures_, [this](const Measure& measure) {
      return !options_.only.empty() &&
             std::ranges::none_of(options_.only, [&measure](const std::string& id) {
               return measure.id.starts_with(id);
             });
    });
    if (measures_.empty()) return absl::InvalidArgumentError("there is no such measure");
    Figures figures;
    figures.machine = Machine();
    for (const Measure& measure : measures_) {
      figures.figures.push_back({measure.id, measure.what, measure.ceiling, {}});
    }
    for (int round = 1; round <= options_.rounds; ++round) {
      for (std::size_t i = 0; i < measures_.size(); ++i) {
        progress_(absl::StrCat("round ", round, " of ", options_.rounds, ": ", measures_[i].what));
        ASSIGN_OR_RETURN(Sample sample, measures_[i].take());
        if (measures_[i].id == "tokenize-new.256") peak_ = sample.rate;
        figures.figures[i].rounds.push_back(std::move(sample));
      }
    }
    figures.ratios = RatiosOf(figures);
    AddBounds(figures);
    return figures;
  }

 private:
  absl::Status PrepareOwn() {
    progress_("making a deployment");
    ASSIGN_OR_RETURN(deployment_,
                     Deployment::Make(options_.folder, options_.maker, options_.programs,
                                      options_.family, options_.module));
    RETURN_IF_ERROR(deployment_->StartService());
    RETURN_IF_ERROR(PrepareService(deployment_->folder() + "/clients", deployment_->address()));

    progress_("copying the vault for the ceilings");
    // Stopped in good order, a vault is one file. Connections of clients that nobody polls would
    // hold the stop up.
    clients_ = {};
    RETURN_IF_ERROR(deployment_->StopService());
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(deployment_->config().store.path, error);
    if (error) return absl::UnavailableError("the vault has no size");
    bytes_per_token_ = static_cast<double>(size) / static_cast<double>(options_.tokens);
    RETURN_IF_ERROR(OpenCeilings());
    RETURN_IF_ERROR(deployment_->StartService());
    ASSIGN_OR_RETURN(clients_,
                     Clients::Open(deployment_->folder() + "/clients", deployment_->address()));
    ASSIGN_OR_RETURN(echo_, ChildProcess::Start({options_.programs + "/keysvc-bench", "echo",
                                                 deployment_->config_file()},
                                                deployment_->folder() + "/echo.log"));
    ASSIGN_OR_RETURN(const std::string address, echo_->AwaitLine("serving on ", kEchoPatience));
    ASSIGN_OR_RETURN(echo_channels_,
                     OpenChannels(deployment_->folder() + "/clients/checkout.ini", address));
    ASSIGN_OR_RETURN(echo_other_channels_,
                     OpenChannels(deployment_->folder() + "/clients/settlement.ini", address));
    return absl::OkStatus();
  }

  absl::Status PrepareOther() { return PrepareService(options_.clients, options_.server); }

  absl::Status PrepareService(const std::string& clients, const std::string& address) {
    ASSIGN_OR_RETURN(clients_, Clients::Open(clients, address));
    progress_(absl::StrCat("tokenizing ", options_.tokens, " cards"));
    RETURN_IF_ERROR(calls_.Populate(clients_, progress_));
    progress_("making signing keys");
    const std::string id = absl::StrCat("bench-", RandomNumber(1'000'000));
    ASSIGN_OR_RETURN(p256_, MakeSigningKey(clients_, calls_.tenant(), id + "-p256", false));
    ASSIGN_OR_RETURN(rsa_, MakeSigningKey(clients_, calls_.tenant(), id + "-rsa", true));
    return absl::OkStatus();
  }

  absl::Status OpenCeilings() {
    const Config& config = deployment_->config();
    store::SqlcipherOptions copy = config.store;
    copy.path = deployment_->folder() + "/copy.db";
    std::error_code error;
    std::filesystem::copy_file(config.store.path, copy.path, error);
    if (error) return absl::UnavailableError("the vault cannot be copied");
    {
      ASSIGN_OR_RETURN(const auto hsm, pkcs11::OpenToken(config.token));
      ASSIGN_OR_RETURN(const auto key, keys::OpenDatabaseKey(config.deployment, *hsm));
      ASSIGN_OR_RETURN(store_ceiling_, StoreCeiling::Open(copy, key, options_.family));
      ASSIGN_OR_RETURN(
          control_cost_,
          ControlCost::Make(config, profile_, deployment_->folder() + "/records.db", key));
    }
    ASSIGN_OR_RETURN(signing_ceiling_, SigningCeiling::Open(config.token));
    return absl::OkStatus();
  }

  void AddMeasures() {
    // Of an EMV profile every call makes a token.
    const bool has_known = options_.family != tokenizer::Family::kEmv;
    for (const std::size_t in_flight : {256U, 64U, 1U}) {
      const std::string suffix = absl::StrCat(".", in_flight);
      const std::string flight = absl::StrCat(", ", in_flight, " in flight");
      AddLoad("echo" + suffix, "bare mTLS echo" + flight, echo_channels_, calls_.Echo(), in_flight,
              true);
      AddLoad("tokenize-new" + suffix, "Tokenize, new card" + flight, clients_.tokenizing,
              calls_.TokenizeNew(), in_flight);
      if (in_flight == 256) {
        AddPaced();
        AddLoad("tokenize-once" + suffix, "Tokenize, new card, with a request id" + flight,
                clients_.tokenizing, calls_.TokenizeOnce(), in_flight);
        AddLoad("tokenize-again" + suffix, "Tokenize, the same request again" + flight,
                clients_.tokenizing, calls_.TokenizeAgain(), in_flight);
      }
      if (has_known) {
        AddLoad("tokenize-known" + suffix, "Tokenize, known card" + flight, clients_.tokenizing,
                calls_.TokenizeKnown(), in_flight);
      }
      AddLoad("detokenize" + suffix, "Detokenize" + flight, clients_.revealing, calls_.Detokenize(),
              in_flight);
    }
    AddRate("fdatasync", "fdatasync of 4 KiB",
            [this] { return MeasureSyncs(deployment_->folder(), options_.stretch.counted); });
    // Where there are no rows, the store is no ceiling.
    const bool rows = options_.family != tokenizer::Family::kFf1;
    if (rows) {
      AddRate("raw-writer", "raw writer of the same rows",
              [this] { return store_ceiling_->MeasureWrites(options_.stretch.counted); });
    }
    AddLoad("tokenize-batch", "Tokenize, new cards, batches of 100", clients_.tokenizing,
            calls_.TokenizeNewBatch(), kBatchesInFlight);
    if (has_known) {
      AddLoad("tokenize-known-batch", "Tokenize, known cards, batches of 100", clients_.tokenizing,
              calls_.TokenizeKnownBatch(), kBatchesInFlight);
    }
    if (rows) {
      AddRate("raw-look-up", "raw look-up by handle",
              [this] { return store_ceiling_->MeasureLookUps(options_.stretch.counted); });
    }
    AddLoad("detokenize-batch", "Detokenize, batches of 100", clients_.revealing,
            calls_.DetokenizeBatch(), kBatchesInFlight);
    AddLoad("public-key.256", "GetPublicKey, 256 in flight", clients_.revealing,
            Calls::GetPublicKey(p256_), 256);
    AddControlCost();
    AddSigning("p256", "P-256", p256_, pkcs11::Mechanism::kEcdsaP256Sha256,
               crypto::SignatureAlgorithm::kEcdsaP256Sha256, {64, 256, 1});
    AddSigning("rsa", "RSA-2048", rsa_, pkcs11::Mechanism::kRsaPssSha256,
               crypto::SignatureAlgorithm::kRsaPssSha256, {64, 256, 1});
    AddFairness();
  }

  void AddSigning(const std::string& id, const std::string& algorithm, const SigningKey& key,
                  pkcs11::Mechanism mechanism, crypto::SignatureAlgorithm check,
                  std::initializer_list<std::size_t> in_flights) {
    AddRate("pkcs11-" + id, "raw PKCS#11, " + algorithm, [this, key, mechanism] {
      // tenants/{tenant}/keys/{key} is <deployment>/{tenant}/{key}/v1 on the token.
      const std::string label =
          absl::StrCat(deployment_->config().deployment.name, "/", calls_.tenant(), "/",
                       key.name.substr(key.name.rfind('/') + 1), "/v1");
      return signing_ceiling_->Measure(label, mechanism, options_.stretch.counted);
    });
    for (const std::size_t in_flight : in_flights) {
      AddLoad(absl::StrCat("sign-", id, ".", in_flight),
              absl::StrCat("Sign ", algorithm, ", ", in_flight, " in flight"), clients_.revealing,
              Calls::Sign(key), in_flight);
    }
    AddLoad("sign-batch-" + id, "Sign " + algorithm + ", batches of 100", clients_.revealing,
            Calls::SignBatch(key), kBatchesInFlight);
    for (const std::size_t in_flight : in_flights) {
      AddLoad(absl::StrCat("verify-", id, ".", in_flight),
              absl::StrCat("Verify ", algorithm, ", ", in_flight, " in flight"), clients_.revealing,
              Calls::Verify(key), in_flight);
    }
    AddRate("openssl-verify-" + id, "OpenSSL checking " + algorithm, [this, key, check] {
      return MeasureVerifications(key, check, options_.stretch.counted);
    });
    AddLoad("verify-batch-" + id, "Verify " + algorithm + ", batches of 100", clients_.revealing,
            Calls::VerifyBatch(key), kBatchesInFlight);
  }

  // One caller's calls, alone and beside another caller who keeps ten times as many in flight. What
  // that does to a bare echo, on processors that both callers and the service share, no service
  // comes below.
  void AddFairness() {
    if (deployment_ == nullptr) return;
    AddBeside(kFairness, "Sign P-256", clients_.revealing, clients_.tokenizing, Calls::Sign(p256_),
              false);
    AddBeside(kFairnessOfEcho, "bare mTLS echo", echo_channels_, echo_other_channels_,
              calls_.Echo(), true);
  }

  void AddBeside(const std::string& id, const std::string& what, const Channels& channels,
                 const Channels& others, const Call& call, bool ceiling) {
    AddLoad(id + kAlone, absl::StrCat(what, ", ", kFairInFlight, " in flight"), channels, call,
            kFairInFlight, ceiling);
    measures_.push_back(
        {id + kBeside, absl::StrCat("the same beside a caller with ", 10 * kFairInFlight), ceiling,
         [this, &channels, &others, call, ceiling]() -> absl::StatusOr<Sample> {
           const pid_t server = ceiling ? echo_->id() : Service();
           const Stretch longer{.warm_up = absl::ZeroDuration(),
                                .counted = 2 * options_.stretch.warm_up + options_.stretch.counted};
           Sample other;
           std::thread loud(
               [&] { other = RunClosed(others, call, 10 * kFairInFlight, longer, server); });
           Sample sample = RunClosed(channels, call, kFairInFlight, options_.stretch, server);
           loud.join();
           for (const auto& [why, count] : other.failures) sample.failures[why] += count;
           return sample;
         }});
  }

  void AddLoad(std::string id, std::string what, const Channels& channels, Call call,
               std::size_t in_flight, bool ceiling = false) {
    if (ceiling && deployment_ == nullptr) return;
    measures_.push_back(
        {std::move(id), std::move(what), ceiling,
         [this, &channels, call = std::move(call), in_flight, ceiling]() -> absl::StatusOr<Sample> {
           return RunClosed(channels, call, in_flight, options_.stretch,
                            ceiling ? echo_->id() : Service());
         }});
  }

  void AddPaced() {
    measures_.push_back({"tokenize-new.half", "Tokenize, new card, at half of the peak", false,
                         [this]() -> absl::StatusOr<Sample> {
                           return RunPaced(clients_.tokenizing, calls_.TokenizeNew(),
                                           kPacedPart * peak_, options_.stretch, Service());
                         }});
  }

  void AddRate(std::string id, std::string what, std::function<absl::StatusOr<double>()> measure) {
    if (deployment_ == nullptr) return;
    measures_.push_back({std::move(id), std::move(what), true,
                         [measure = std::move(measure)]() -> absl::StatusOr<Sample> {
                           Sample sample;
                           ASSIGN_OR_RETURN(sample.rate, measure());
                           return sample;
                         }});
  }

  void AddControlCost() {
    if (deployment_ == nullptr) return;
    measures_.push_back({kControlCost, "audit, policy and limits of a call, 64 in flight", false,
                         [this]() -> absl::StatusOr<Sample> {
                           Sample sample;
                           ASSIGN_OR_RETURN(sample.server_time,
                                            control_cost_->Measure(options_.stretch.counted));
                           sample.rate = 1e6 / sample.server_time;
                           return sample;
                         }});
  }

  pid_t Service() const { return deployment_ == nullptr ? 0 : deployment_->service(); }

  void AddBounds(Figures& figures) const {
    if (const Figure* half = figures.Find("tokenize-new.half"); half != nullptr) {
      std::vector<double> values;
      for (const Sample& sample : half->rounds) values.push_back(sample.latencies.p99 / 1000);
      figures.bounds.push_back({"p99 of Tokenize, new card, at half of the peak", "ms", 10,
                                SpreadOf(std::move(values))});
    }
    if (const Figure* control = figures.Find(kControlCost); control != nullptr) {
      std::vector<double> values;
      for (const Sample& sample : control->rounds) values.push_back(sample.server_time);
      figures.bounds.push_back({"audit, policy and limits together on a unary call", "us", 10,
                                SpreadOf(std::move(values))});
    }
    AddSlowDown(figures, kFairness, "p99 of Sign beside a caller with ten times the load", 2);
    AddSlowDown(figures, kFairnessOfEcho, "the same of a bare echo", std::nullopt);
    if (Service() != 0) {
      const Memory memory = MemoryOf(Service());
      figures.bounds.push_back({"memory of the service at most, page caches included", "MiB", 600,
                                SpreadOf({memory.peak})});
      figures.bounds.push_back({"the vault for each token, its share of a record included", "bytes",
                                std::nullopt, SpreadOf({bytes_per_token_})});
    }
  }

  static void AddSlowDown(Figures& figures, const std::string& id, std::string what,
                          std::optional<double> limit) {
    const Figure* alone = figures.Find(id + kAlone);
    const Figure* beside = figures.Find(id + kBeside);
    if (alone == nullptr || beside == nullptr) return;
    std::vector<double> values;
    for (std::size_t i = 0; i < alone->rounds.size(); ++i) {
      values.push_back(beside->rounds[i].latencies.p99 / alone->rounds[i].latencies.p99);
    }
    figures.bounds.push_back({std::move(what), "times", limit, SpreadOf(std::move(values))});
  }

  std::vector<std::pair<std::string, std::string>> Machine() const {
    std::string processor = "unknown";
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
      if (!line.starts_with("model name")) continue;
      processor = line.substr(line.find(':') + 2);
      break;
    }
    utsname system{};
    uname(&system);
    return {{"processor", processor},
            {"processors", std::to_string(std::thread::hardware_concurrency())},
            {"kernel", absl::StrCat(system.sysname, " ", system.release)},
            {"tokens in the vault", std::to_string(calls_.known())},
            {"rounds", std::to_string(options_.rounds)},
            {"seconds each", absl::StrCat(absl::ToDoubleSeconds(options_.stretch.counted))}};
  }

  const RunOptions& options_;
  const Progress& progress_;
  const std::string profile_;
  Calls calls_;
  std::unique_ptr<Deployment> deployment_;
  Clients clients_;
  SigningKey p256_;
  SigningKey rsa_;
  std::unique_ptr<StoreCeiling> store_ceiling_;
  std::unique_ptr<SigningCeiling> signing_ceiling_;
  std::unique_ptr<ControlCost> control_cost_;
  std::unique_ptr<ChildProcess> echo_;
  Channels echo_channels_;
  Channels echo_other_channels_;
  std::vector<Measure> measures_;
  double peak_ = 0;
  double bytes_per_token_ = 0;
};

}  // namespace

absl::StatusOr<Figures> Run(const RunOptions& options, const Progress& progress) {
  return Bench(options, progress).Run();
}

}  // namespace keysvc::bench
