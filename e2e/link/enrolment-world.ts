import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyMaker } from "@muster/agent/adapters/join/keys.ts";
import { type AgentIdentity, type KeepIdentityOptions, keepIdentity } from "@muster/agent/flows/keep-identity.ts";
import type { IdentityStore, StoredIdentity } from "@muster/agent/ports/identity-store.ts";
import type { HubEnrolment } from "@muster/agent/ports/joining.ts";
import { type HubKeys, openHubKeys } from "@muster/hub/adapters/keys/open-hub-keys.ts";
import { openSqliteStore } from "@muster/hub/adapters/store/sqlite/open.ts";
import { createClusterRecords } from "@muster/hub/flows/cluster-records.ts";
import { createEnrolment } from "@muster/hub/flows/enroll-agents.ts";
import { createClusterIdentities } from "@muster/hub/flows/know-clusters.ts";
import type { Peer } from "@muster/hub/ports/agent-link.ts";
import { AppError } from "@muster/shared/errors.ts";
import { silentLog } from "@muster/shared/log.ts";
import type { ClusterId } from "@muster/shared/model/ids.ts";
import { enrolmentAnswer, joinRequest, type KeyHash, renewRequest } from "@muster/shared/model/joining.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { readCertificate } from "@muster/shared/trust/certificates.ts";

export const admin = { kind: "person", name: "admin@example.com", from: null } as const;

/** A hub that enrols, with real keys and a real store in memory, and agents that join it; one clock for each side. */
export async function createEnrolmentWorld() {
  const directory = await mkdtemp(join(tmpdir(), "enrolment-"));
  const clock = new FakeClock();
  const random = (bytes: number) => randomBytes(bytes);
  const store = await openSqliteStore({ file: ":memory:", clock });
  const keys = await openHubKeys({ directory: join(directory, "keys"), clock, random });
  const hub = createHubSide(keys, clock, store);
  const stops: AbortController[] = [];

  return {
    clock,
    keys,
    store,
    ...hub,
    register: (name: string) => hub.identities.register(admin, { name, labels: {} }),
    /** A hub of its own, as if this one had been rebuilt. */
    otherHub: async () => {
      const others = await openHubKeys({ directory: join(directory, `keys-${stops.length}-b`), clock, random });
      return { keys: others, ...createHubSide(others, clock, store) };
    },
    createAgent: (
      more: Omit<Partial<KeepIdentityOptions>, "clusterUid"> & { clusterUid?: string | (() => Promise<string>) } = {},
    ) => {
      const stop = new AbortController();
      stops.push(stop);
      const warnings: Record<string, unknown>[] = [];
      const noted = Object.assign(Object.create(silentLog), {
        warn: (fields: Record<string, unknown>) => warnings.push(fields),
      });
      const memory = more.store ?? memoryIdentityStore();
      const uid = more.clusterUid ?? "uid-1";
      const options: KeepIdentityOptions = {
        hub: overJson(hub.enrolment),
        keys: createKeyMaker(),
        caHash: keys.authority.caHash,
        joinToken: null,
        clock,
        random,
        chance: () => 0.5,
        log: noted,
        ...more,
        store: memory,
        clusterUid: typeof uid === "string" ? async () => uid : uid,
      };
      return {
        store: memory,
        /** What it logged as warnings: refusals with `reason` and `fix`. */
        warnings,
        start: (): Promise<AgentIdentity> => keepIdentity(options, { signal: stop.signal }),
        stop: () => stop.abort(),
      };
    },
    close: async () => {
      for (const stop of stops) stop.abort();
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
}

function createHubSide(keys: HubKeys, clock: FakeClock, store: Awaited<ReturnType<typeof openSqliteStore>>) {
  const records = createClusterRecords(store.documents);
  const common = { records, authority: keys.authority, clock, log: silentLog };
  return {
    records,
    identities: createClusterIdentities({ ...common, random: (bytes) => randomBytes(bytes) }),
    enrolment: createEnrolment({ ...common, signer: keys.signer, endpoints: () => ["127.0.0.1:7443"] }),
  };
}

/** What HTTPS does to requests and answers: JSON there and back, checked by the shared schemas. */
export function overJson(enrolment: ReturnType<typeof createEnrolment>): HubEnrolment {
  const from = "192.0.2.1";
  const wire = <T>(value: T): unknown => JSON.parse(JSON.stringify(value));
  return {
    join: async (body) => enrolmentAnswer.parse(wire(await enrolment.join(joinRequest.parse(wire(body)), { from }))),
    renew: async (body) => enrolmentAnswer.parse(wire(await enrolment.renew(renewRequest.parse(wire(body)), { from }))),
  };
}

/** Two stores of one memory behave as two pods with one Secret. */
export function memoryIdentityStore(
  shared: { value: StoredIdentity | null; version: number } = { value: null, version: 0 },
): IdentityStore & { readonly shared: typeof shared } {
  let held = 0;
  return {
    shared,
    async load() {
      held = shared.version;
      return shared.value;
    },
    async save(identity) {
      if (held !== shared.version) throw new AppError("conflict", "the Secret was changed");
      shared.value = structuredClone(identity);
      shared.version += 1;
      held = shared.version;
    },
  };
}

/** The peer that a connection with this identity's certificate would show. */
export function peerOf(identity: AgentIdentity): Peer {
  const { clusterId, clusterUid, certificate } = identity.current();
  const { serial, publicKey } = readCertificate(certificate);
  const id = clusterId as ClusterId;
  return { clusterId: id, clusterUid, certificateSerial: serial, publicKey: publicKey as KeyHash, address: "test" };
}
