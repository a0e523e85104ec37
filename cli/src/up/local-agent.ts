import { type AgentProcess, createAgentProcess } from "@muster/agent/create-agent-process.ts";
import type { ClusterApi } from "@muster/agent/ports/cluster-api.ts";
import type { Log } from "@muster/shared/log.ts";
import { keyHash } from "@muster/shared/model/joining.ts";

/** Where an agent keeps its Secrets and its Lease in a cluster. */
export const AGENT_NAMESPACE = "muster-system";

/** A whole agent inside this process, like one in a pod would be. */
export function startLocalAgent(options: {
  readonly cluster: ClusterApi;
  readonly hubAddress: string;
  readonly caHash: string;
  readonly joinToken: string | null;
  readonly log: Log;
}): Promise<AgentProcess> {
  return createAgentProcess({ ...options, caHash: keyHash.parse(options.caHash), namespace: AGENT_NAMESPACE });
}
