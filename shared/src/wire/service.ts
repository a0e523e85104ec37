/** The gRPC service's names, as proto/muster/v1/agent.proto gives them; both ends speak raw bytes and the codecs here. */
export const LINK_METHODS = {
  connect: "/muster.v1.AgentLink/Connect",
  fetchBundle: "/muster.v1.AgentLink/FetchBundle",
} as const;

/** Both sides send a heartbeat this often; a peer that said nothing at all for `HEARTBEATS_MISSED_MAX` is gone. */
export const HEARTBEAT_MS = 10_000;
export const HEARTBEATS_MISSED_MAX = 3;

/** Report batches that an agent may have under way without an ack. */
export const REPORT_BATCHES_MAX = 4;
