#ifndef KEYSVC_KEYSVC_RPC_REPLY_H_
#define KEYSVC_KEYSVC_RPC_REPLY_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "grpcpp/support/byte_buffer.h"
#include "keysvc/rpc/body.h"
#include "policy/gate.h"
#include "status/macros.h"

// Within a handler: the value of `expression` into `target`, or its error recorded and answered;
// the same for a Status.
#define ASSIGN_OR_REFUSE(reply, target, expression) \
  ASSIGN_OR_REFUSE_INNER(KEYSVC_CONCAT(_status_or_, __LINE__), reply, target, expression)

#define ASSIGN_OR_REFUSE_INNER(temporary, reply, target, expression)                  \
  auto temporary = (expression);                                                      \
  if (!temporary.ok()) return (reply).RecordAndRefuse(std::move(temporary).status()); \
  target = std::move(temporary).value()

#define REFUSE_IF_ERROR(reply, expression)                    \
  do {                                                        \
    if (absl::Status _status = (expression); !_status.ok()) { \
      return (reply).RecordAndRefuse(std::move(_status));     \
    }                                                         \
  } while (false)

namespace keysvc::rpc {

class Call;

// The right and the duty to answer one call, once. Moves but never copies. A result or a refusal
// takes the receipt of its record; without one only "no record could be made" can be said. A reply
// that is destroyed unused answers INTERNAL. Used by one thread at a time.
class AnyReply {
 public:
  explicit AnyReply(Call* call) : call_(call) {}
  AnyReply(AnyReply&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  AnyReply& operator=(AnyReply&&) = delete;
  AnyReply(const AnyReply&) = delete;
  AnyReply& operator=(const AnyReply&) = delete;
  ~AnyReply();

  const policy::Caller& caller() const;
  // What a record of this call will say. Handlers add what they learn: checked values only, never
  // a caller's free text.
  audit::Entry& record();

  // What is recorded and stored of the call's request id, and tells it from others. No UUID, which
  // is refused, comes back as it is.
  std::string RecordedId(std::string_view request_id) const;

  // Tells the operator what callers are not told of one item of a batch.
  void Note(const absl::Status& status);

  void Refuse(audit::Receipt receipt, absl::Status why);
  // For errors that mean that no record could be made (AUDIT_UNAVAILABLE, OUTCOME_UNKNOWN,
  // SHUTTING_DOWN, OVERLOADED, INTERNAL, DEADLINE_EXCEEDED); every other becomes INTERNAL.
  void Unavailable(absl::Status why);
  // Makes the record of a refusal, then answers.
  void RecordAndRefuse(absl::Status why);

 protected:
  using Source = absl::AnyInvocable<absl::StatusOr<std::optional<grpc::ByteBuffer>>()>;

  void SendBody(audit::Receipt receipt, grpc::ByteBuffer body);
  void SendStream(audit::Receipt receipt, Source source);
  // Records the call as a success of `permit`, then calls `send`.
  void Record(absl::AnyInvocable<void(AnyReply, audit::Receipt)> send);

 private:
  Call* Take() { return std::exchange(call_, nullptr); }
  Call* call_;
};

// The reply of a unary method.
template <typename T>
class Reply : public AnyReply {
 public:
  explicit Reply(AnyReply reply) : AnyReply(std::move(reply)) {}

  void Send(audit::Receipt receipt, T message) {
    SendBody(std::move(receipt), WriteBody(message));
    WipeSensitive(message);
  }

  // Records the call as a success, then sends.
  void RecordAndSend(T message) {
    Record([message = std::move(message)](AnyReply reply, audit::Receipt receipt) mutable {
      Reply(std::move(reply)).Send(std::move(receipt), std::move(message));
    });
  }

  // Sends what a domain call came to. `convert` makes the message, or an error, of its value.
  template <typename D, typename Convert>
  void Answer(absl::StatusOr<audit::Recorded<D>> done, Convert convert) {
    if (!done.ok()) return Unavailable(done.status());
    if (!done->value.ok()) return Refuse(std::move(done->receipt), done->value.status());
    absl::StatusOr<T> message = convert(*std::move(done->value));
    if (!message.ok()) return Refuse(std::move(done->receipt), message.status());
    Send(std::move(done->receipt), *std::move(message));
  }
};

// The reply of a server-streaming method. Messages are asked of a source one by one, on the
// method's lane, each when the one before is on its way; nullopt ends the stream.
template <typename T>
class StreamReply : public AnyReply {
 public:
  using MessageSource = absl::AnyInvocable<absl::StatusOr<std::optional<T>>()>;

  explicit StreamReply(AnyReply reply) : AnyReply(std::move(reply)) {}

  // Records the call as a success, then streams.
  void RecordAndStream(MessageSource messages) {
    Source bodies = [messages = std::move(
                         messages)]() mutable -> absl::StatusOr<std::optional<grpc::ByteBuffer>> {
      ASSIGN_OR_RETURN(std::optional<T> message, messages());
      if (!message.has_value()) return std::nullopt;
      return WriteBody(*message);
    };
    Record([bodies = std::move(bodies)](AnyReply reply, audit::Receipt receipt) mutable {
      StreamReply(std::move(reply)).SendStream(std::move(receipt), std::move(bodies));
    });
  }
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_REPLY_H_
