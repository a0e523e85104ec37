import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyMaker } from "@muster/agent/adapters/join/keys.ts";
import type { LinkIdentity } from "@muster/agent/adapters/link/grpc/channel.ts";
import { createGrpcHubLink } from "@muster/agent/adapters/link/grpc/create-grpc-hub-link.ts";
import type { HubLink } from "@muster/agent/ports/hub-link.ts";
import { openHubKeys } from "@muster/hub/adapters/keys/open-hub-keys.ts";
import { createGrpcAgentLink } from "@muster/hub/adapters/link/grpc/create-grpc-agent-link.ts";
import type { LinkLimits } from "@muster/hub/adapters/link/grpc/limits.ts";
import type { AgentGate, AgentSession } from "@muster/hub/ports/agent-link.ts";
import type { ServerCertificate } from "@muster/hub/ports/certificate-authority.ts";
import type { Clock } from "@muster/shared/clock.ts";
import { silentLog } from "@muster/shared/log.ts";
import type { ClusterId } from "@muster/shared/model/ids.ts";
import type { Report } from "@muster/shared/model/report.ts";
import type { Hello } from "@muster/shared/model/session.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { reportV1 } from "@muster/shared/testing/wire-v1.ts";
import { LINK_SERVER_NAME } from "@muster/shared/trust/certificates.ts";

/** A gate that accepts everybody and notes what it is told; a test overrides what it is about. */
export function createFakeGate(
  hub: { hubId: string; keySet: () => never },
  more: Partial<AgentGate> = {},
  heartbeatMs = 200,
  isQuiet = false,
) {
  const seen = {
    sessions: [] as AgentSession[],
    hellos: [] as Hello[],
    reports: [] as Report[],
    heartbeats: 0,
    acting: [] as boolean[],
    gone: 0,
  };
  const gate: AgentGate = {
    async greet(session, hello) {
      seen.sessions.push(session);
      seen.hellos.push(hello);
      const ack = {
        protocol: 1,
        hubId: hub.hubId,
        hubVersion: "0.1.0",
        keySet: hub.keySet(),
        heartbeatMs,
        hubTime: 1_772_540_000_000,
      };
      return { kind: "accepted", ack, onAckSent: () => (isQuiet ? undefined : session.send({ kind: "in-sync" })) };
    },
    async report(_session, batch) {
      seen.reports.push(...batch.reports);
    },
    heartbeat() {
      seen.heartbeats += 1;
    },
    acting(_session, isActing) {
      seen.acting.push(isActing);
    },
    gone() {
      seen.gone += 1;
    },
    openBundle: async () => null,
    ...more,
  };
  return { gate, seen };
}

export const helloOf = (more: Partial<Hello> = {}): Hello => ({
  protocol: { min: 1, max: 1 },
  agentVersion: "0.1.0",
  capabilities: ["bundle/b1", "apply/v1"],
  kubernetesVersion: "1.37",
  clusterUid: "uid-1",
  instance: "i-1",
  isActing: true,
  have: [],
  ...more,
});

export const aReport = (generation: number): Report => ({ ...reportV1, generation });

/** One hub, its real link, and certificates for as many agents as are asked for. */
export async function createLinkWorld() {
  const directory = await mkdtemp(join(tmpdir(), "link-"));
  const random = (bytes: number) => randomBytes(bytes);
  const openKeys = (folder: string, clock: Clock = systemClock) =>
    openHubKeys({ directory: join(directory, folder), clock, random });
  const keys = await openKeys("keys");
  const stop = new AbortController();
  const closers: (() => Promise<void>)[] = [];

  async function hubLink(limits: Partial<LinkLimits> = {}, own?: ServerCertificate) {
    const certificate = own ?? (await keys.serverCertificate({ names: [LINK_SERVER_NAME], signal: stop.signal }));
    const { authority } = keys;
    const link = createGrpcAgentLink({
      ...{ host: "127.0.0.1", port: 0, authority, certificate, clock: systemClock, log: silentLog, limits },
    });
    closers.push(() => link.close());
    return link;
  }

  return {
    keys,
    openKeys,
    hubLink,
    async listen(
      more: Partial<AgentGate> = {},
      opts: {
        limits?: Partial<LinkLimits>;
        heartbeatMs?: number;
        isQuiet?: boolean;
        certificate?: ServerCertificate;
      } = {},
    ) {
      const signer = { hubId: keys.hubId, keySet: () => keys.signer.keySet() as never };
      const { gate, seen } = createFakeGate(signer, more, opts.heartbeatMs, opts.isQuiet);
      const link = await hubLink(opts.limits, opts.certificate);
      const { endpoint } = await link.listen(gate);
      return { endpoint, port: Number(endpoint.split(":")[1]), seen, close: () => link.close() };
    },
    /** What a joined agent holds; `now` moves the certificate in time. */
    async identity(
      endpoint: string,
      more: { cluster?: string; now?: number; from?: Awaited<ReturnType<typeof openKeys>> } = {},
    ): Promise<LinkIdentity> {
      const maker = createKeyMaker();
      const privateKey = await maker.createKey();
      const clusterId = (more.cluster ?? "c-1") as ClusterId;
      const now = more.now ?? systemClock.now();
      const { authority } = more.from ?? keys;
      const csr = await maker.createSigningRequest(privateKey);
      const issued = await authority.issueAgentCertificate(csr, { clusterId, clusterUid: "uid-1", now });
      const { pem: certificate, notAfter } = issued;
      return { endpoints: [endpoint], root: keys.authority.root, certificate, privateKey, notAfter };
    },
    agent(
      identity: LinkIdentity | (() => LinkIdentity),
      limits: Parameters<typeof createGrpcHubLink>[0]["limits"] = {},
    ): HubLink {
      const current = typeof identity === "function" ? identity : () => identity;
      const link = createGrpcHubLink({ identity: current, log: silentLog, limits });
      closers.unshift(() => link.close());
      return link;
    },
    defer: (close: () => Promise<void>) => void closers.unshift(close),
    async close() {
      stop.abort();
      for (const close of closers) await close();
      await rm(directory, { recursive: true });
    },
  };
}
