#include "keysvc/cli/health_command.h"

#include <string>
#include <vector>

#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"

namespace keysvc::cli {
namespace {

// A HealthCheckResponse whose only field, status = 1, is SERVING = 1. The distribution ships no
// generated code for it, and the request for the whole service is the empty message.
constexpr char kServing[] = "\x08\x01";

std::string TextOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

}  // namespace

ExitCode CheckHealth(const Connection& connection, Output& output) {
  grpc::GenericStub stub(connection.channel());
  grpc::CompletionQueue queue;
  const auto context = connection.Call();
  const grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  const auto call =
      stub.PrepareUnaryCall(context.get(), "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  queue.Shutdown();
  if (!status.ok()) return Report(FromWire(status));
  const bool serving = TextOf(response) == kServing;
  output.Show({{"serving", serving}});
  return serving ? ExitCode::kOk : ExitCode::kUnavailable;
}

}  // namespace keysvc::cli
