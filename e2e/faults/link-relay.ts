import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createGrpcHubLink } from "@muster/agent/adapters/link/grpc/create-grpc-hub-link.ts";
import type { HubLink, HubSession } from "@muster/agent/ports/hub-link.ts";
import { type HubKeys, openHubKeys } from "@muster/hub/adapters/keys/open-hub-keys.ts";
import { createGrpcAgentLink } from "@muster/hub/adapters/link/grpc/create-grpc-agent-link.ts";
import type { AgentGate, AgentSession } from "@muster/hub/ports/agent-link.ts";
import { messageOf } from "@muster/shared/errors.ts";
import { silentLog } from "@muster/shared/log.ts";
import type { SignedAssignment } from "@muster/shared/model/assignment.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { LINK_SERVER_NAME } from "@muster/shared/trust/certificates.ts";
import type { FleetMember } from "../fleet/fleet.ts";
import type { HubProcess } from "../fleet/hub-process.ts";
import { readIdentity } from "../fleet/stored-identity.ts";

/**
 * The worst that can stand between hub and agents: it holds the hub's own keys and every agent's, so TLS stops it from
 * nothing. Towards agents it is the hub, towards the hub it is each agent; what it passes on a test may repeat, alter
 * or replace. What then still holds is what signatures, digests and marks hold.
 */
export interface LinkRelay {
  /** Assignments that the hub sent, oldest first. */
  readonly passed: readonly SignedAssignment[];
  /** Says this to every agent that is connected. */
  send(signed: SignedAssignment): void;
  /** What agents get instead of what the hub sent; several are sent one after the other, none is a loss. */
  onAssignment(change: (signed: SignedAssignment) => readonly SignedAssignment[]): void;
  /** What agents get instead of a bundle's bytes. */
  onBundle(change: (bytes: Uint8Array, digest: Digest) => Uint8Array): void;
  readonly bundlesServed: number;
  /** The hub's own. */
  readonly keys: HubKeys;
  close(): Promise<void>;
}

/** On `port`, which the hub must have advertised (HubOptions.advertisedLink). */
export async function startLinkRelay(opts: {
  readonly port: number;
  readonly hub: Pick<HubProcess, "dataDir" | "linkPort">;
  readonly members: () => readonly FleetMember[];
}): Promise<LinkRelay> {
  const stop = new AbortController();
  const random = (bytes: number) => randomBytes(bytes);
  const keys = await openHubKeys({
    directory: join(opts.hub.dataDir, "keys"),
    clock: systemClock,
    random,
    create: "never",
  });
  const certificate = await keys.serverCertificate({ names: [LINK_SERVER_NAME], signal: stop.signal });
  const passed: SignedAssignment[] = [];
  const lines = new Map<
    AgentSession,
    { readonly link: HubLink; readonly up: HubSession; readonly agent: AgentSession }
  >();
  let changeAssignment = (signed: SignedAssignment): readonly SignedAssignment[] => [signed];
  let changeBundle = (bytes: Uint8Array, _digest: Digest): Uint8Array => bytes;
  let bundlesServed = 0;

  const identityOf = async (clusterId: string) => {
    for (const member of opts.members()) {
      const identity = await readIdentity(member);
      if (identity?.membership?.clusterId === clusterId) {
        const { root, certificate: own, notAfter } = identity.membership;
        return { root, certificate: own, notAfter, privateKey: identity.privateKey };
      }
    }
    throw new Error(`no member is the cluster ${clusterId}`);
  };

  const passOn = async (up: HubSession, agent: AgentSession): Promise<void> => {
    try {
      for await (const message of up.messages) {
        if (message.kind === "key-set") continue;
        if (message.kind !== "assignment") {
          agent.send(message);
          continue;
        }
        passed.push(message.signed);
        for (const signed of changeAssignment(message.signed)) agent.send({ kind: "assignment", signed });
      }
      agent.refuse("unavailable", "the hub left");
    } catch (error) {
      agent.refuse("unavailable", messageOf(error));
    }
  };

  const gate: AgentGate = {
    async greet(agent, hello) {
      const identity = await identityOf(agent.peer.clusterId);
      const endpoints = [`127.0.0.1:${opts.hub.linkPort}`];
      const link = createGrpcHubLink({ identity: () => ({ ...identity, endpoints }), log: silentLog });
      const up = await link.connect(hello, { signal: stop.signal });
      lines.set(agent, { link, up, agent });
      return { kind: "accepted", ack: up.ack, onAckSent: () => void passOn(up, agent) };
    },
    report: async (agent, { reports }) => lines.get(agent)?.up.report(reports, { signal: agent.closed }),
    heartbeat: () => {},
    acting: (agent, isActing) => lines.get(agent)?.up.setActing(isActing),
    gone(agent) {
      const line = lines.get(agent);
      lines.delete(agent);
      line?.link.close().catch(() => {});
    },
    async openBundle(peer, digest) {
      const line = [...lines.values()].find(({ agent }) => agent.peer.clusterId === peer.clusterId);
      if (line === undefined) return null;
      const chunks: Uint8Array[] = [];
      for await (const chunk of line.up.fetchBundle(digest, { offset: 0, signal: stop.signal })) chunks.push(chunk);
      const bytes = changeBundle(Buffer.concat(chunks), digest);
      bundlesServed += 1;
      return { bytes: bytes.byteLength, read: async (from, to) => bytes.subarray(from, to) };
    },
  };
  const link = createGrpcAgentLink({
    host: "127.0.0.1",
    port: opts.port,
    authority: keys.authority,
    certificate,
    clock: systemClock,
    log: silentLog,
  });
  await link.listen(gate);

  return {
    passed,
    keys,
    send: (signed) => {
      for (const { agent } of lines.values()) agent.send({ kind: "assignment", signed });
    },
    onAssignment: (change) => {
      changeAssignment = change;
    },
    onBundle: (change) => {
      changeBundle = change;
    },
    get bundlesServed() {
      return bundlesServed;
    },
    async close() {
      stop.abort();
      await link.close();
      await Promise.all([...lines.values()].map(({ link: upstream }) => upstream.close()));
    },
  };
}
