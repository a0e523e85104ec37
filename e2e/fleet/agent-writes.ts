import type { AuditEvent, TestCluster } from "../control-plane/provider.ts";

const WRITES = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/** `VERB RESOURCE NAMESPACE/NAME` of everything that an agent wrote and the API server accepted, by its audit log. */
export async function agentWrites(cluster: TestCluster): Promise<AgentWrite[]> {
  const events = await cluster.auditEvents();
  return events.filter(isAgentWrite).map((event) => ({
    verb: event.verb,
    resource: event.objectRef?.resource ?? "",
    namespace: event.objectRef?.namespace ?? "",
    name: event.objectRef?.name ?? "",
    at: Date.parse(event.requestReceivedTimestamp),
  }));
}

export interface AgentWrite {
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  /** Milliseconds. */
  readonly at: number;
}

export const formatWrite = ({ verb, resource, namespace, name }: AgentWrite): string =>
  `${verb} ${resource} ${namespace}/${name}`;

const isAgentWrite = ({ verb, stage, userAgent, responseStatus }: AuditEvent): boolean =>
  WRITES.has(verb) &&
  stage === "ResponseComplete" &&
  (userAgent ?? "").startsWith("muster-agent/") &&
  (responseStatus?.code ?? 0) < 300;
