import type { Clock } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import { formatObject, type ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { ClusterApi, LiveObject } from "../../ports/cluster-api.ts";
import { startControllers } from "./controllers.ts";
import { createFaults, type FaultSwitches, type Faults } from "./faults.ts";
import { memoryClusterApi } from "./memory-cluster-api.ts";
import { ObjectStore } from "./object-store.ts";
import { putStatus, type WriteDesk } from "./write-object.ts";

export interface MemoryClusterOptions {
  readonly clock: Clock;
  /** `[0, 1)`: uids come from it, so a seed repeats them. */
  readonly random: () => number;
  /** For people, in tables and logs. */
  readonly name: string;
  /** Milliseconds until a workload is ready; default 300. */
  readonly readyAfterMs?: number;
  /** Images that never start; default none. */
  readonly isBroken?: (image: string) => boolean;
  /** What `version()` answers; default `1.37`. */
  readonly version?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: a hand reaches anywhere into an object
export type HandEdited = Record<string, any>;

/** Somebody with `kubectl edit`, or another controller, beside Muster. */
export interface MemoryClusterUser extends ClusterApi {
  /** Reads, changes and writes back. @throws AppError "not-found", and what the write is refused with. */
  update(ref: ObjectRef, change: (object: HandEdited) => void): Promise<LiveObject>;
}

/** A cluster in memory: nothing runs, but everything answers as an API server with its controllers would. */
export interface MemoryCluster {
  readonly name: string;
  /** What the agent gets: applies as `muster` and suffers `faults`. */
  readonly api: ClusterApi;
  readonly faults: FaultSwitches;
  /** Another client, with the field manager `manager`; never hit by `faults` unless given some of its own. */
  asUser(manager: string, opts?: { faults?: Faults }): MemoryClusterUser;
  /** As the object's controller would write it; stays until the object changes again. */
  setStatus(ref: ObjectRef, status: object): void;
  /** Watches that were cut off have to list again, as after the API server's 410. */
  forgetHistory(): void;
  close(): Promise<void>;
}

export function createMemoryCluster(options: MemoryClusterOptions): MemoryCluster {
  const { clock, random, name, readyAfterMs = 300, isBroken = () => false, version = "1.37" } = options;
  const store = new ObjectStore();
  const desk: WriteDesk = {
    store,
    time: () => new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
    uid: () => uidFrom(random),
  };
  const faults = createFaults(clock);
  const noFaults = createFaults(clock);
  const stopping = new AbortController();
  startControllers({ desk, clock, readyAfterMs, isBroken, signal: stopping.signal });
  for (const namespace of ["kube-system", "kube-public", "kube-node-lease", "default"]) makeNamespace(desk, namespace);

  const api = memoryClusterApi({ desk, faults, manager: "muster", version });
  return {
    name,
    api,
    faults,
    asUser(manager, opts = {}) {
      const client = memoryClusterApi({ desk, faults: opts.faults ?? noFaults, manager, version });
      return {
        ...client,
        async update(ref, change) {
          const live = await client.get(ref);
          if (!live) throw new AppError("not-found", `${formatObject(ref)} does not exist on ${name}`);
          change(live);
          return client.replace(live);
        },
      };
    },
    setStatus(ref, status) {
      const kind = store.kind(ref.apiVersion, ref.kind);
      const live = store.read(kind, ref.namespace, ref.name);
      if (!live) throw new AppError("not-found", `${formatObject(ref)} does not exist on ${name}`);
      putStatus(desk, kind, live, { status, manager: "kube-controller-manager" });
    },
    forgetHistory: () => store.forgetHistory(),
    async close() {
      stopping.abort();
      await api.close();
    },
  };
}

function makeNamespace(desk: WriteDesk, name: string): void {
  const time = desk.time();
  desk.store.put(desk.store.kind("v1", "Namespace"), {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name,
      uid: desk.uid(),
      resourceVersion: "",
      creationTimestamp: time,
      labels: { "kubernetes.io/metadata.name": name },
    },
    status: { phase: "Active" },
  });
}

/** A version 4 UUID from the randomness given, which need not be unguessable here. */
function uidFrom(random: () => number): string {
  const digits = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
  const variant = (8 + Math.floor(random() * 4)).toString(16);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
}
