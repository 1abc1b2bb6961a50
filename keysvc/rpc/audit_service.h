#ifndef KEYSVC_KEYSVC_RPC_AUDIT_SERVICE_H_
#define KEYSVC_KEYSVC_RPC_AUDIT_SERVICE_H_

#include "audit/journal.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/method_table.h"
#include "keysvc/rpc/reply.h"
#include "keysvc/v1/audit_service.pb.h"
#include "policy/gate.h"
#include "store/store.h"

namespace keysvc::rpc {

// keysvc.v1.AuditService over the journal. Thread-safe; what it is given outlives it.
class AuditService {
 public:
  AuditService(const policy::Gate& gate, audit::Journal& journal, store::Store& store)
      : gate_(gate), journal_(journal), store_(store) {}

  void Register(MethodTable& methods, Lane& lane);

 private:
  void ExportAudit(v1::ExportAuditRequest& request, StreamReply<v1::ExportAuditResponse> reply);
  void GetCheckpoint(v1::GetCheckpointRequest& request, Reply<v1::GetCheckpointResponse> reply);

  const policy::Gate& gate_;
  audit::Journal& journal_;
  store::Store& store_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_AUDIT_SERVICE_H_
