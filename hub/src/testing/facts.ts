import type { AppUid, ClusterId, CommitId, Digest } from "@muster/shared/model/ids.ts";
import type { Report } from "@muster/shared/model/report.ts";
import type { AssignedEntry } from "../core/documents/assigned.ts";
import { type Intent, newIntent } from "../core/documents/intent.ts";
import type { ObservedEntry } from "../core/documents/observed.ts";
import type { Release } from "../core/documents/release.ts";
import type { FleetMember, RolloutFacts } from "../core/plan-rollout.ts";
import type { LeavingPair, RemovalVerdict } from "../core/removal-brake.ts";

/** Small, valid facts for tests of the pure core. */
export const APP = { uid: "app-1" as AppUid, project: "storefront", name: "shop" };
export const EPOCH_1 = { number: 1, tag: "a" };
export const EPOCH_2 = { number: 2, tag: "b" };
export const NOW = 1_700_000_000_000;

export const cluster = (name: string): ClusterId => name as ClusterId;
export const sha = (character: string): string => character.repeat(64);
export const digestOf = (character: string): Digest => `b1:sha256:${sha(character)}` as Digest;

export function release(number: number, over: Partial<Release> & { digest?: Digest; commit?: string } = {}): Release {
  const { digest = digestOf(String(number % 10)), commit = String(number % 10).repeat(40), ...rest } = over;
  return {
    app: APP.uid,
    number,
    input: {
      repository: "https://git.example.com/fleet.git",
      branch: "main",
      commit: commit as CommitId,
      revision: number,
      subject: `change ${number}`,
      author: "Ada",
      committedAt: NOW,
      path: "apps/shop",
      tree: `tree-${number}`,
      renderer: { kind: "plain", version: "plain/1" },
      others: [],
      charts: [],
      spec: null,
      references: [],
      cover: [],
      closure: null,
    },
    options: {
      destination: { namespace: "shop", createNamespace: false },
      sync: { adopt: "none", drift: "heal", prune: true },
    },
    bundle: { digest, objects: 2, bytes: 100 },
    table: null,
    held: false,
    audit: [],
    cause: { kind: "commit", detail: "" },
    created: NOW,
    ...rest,
  };
}

export const releases = (...list: readonly Release[]): Map<number, Release> =>
  new Map(list.map((one) => [one.number, one]));

export const intent = (over: Partial<Intent> & { candidate?: number | null } = {}): Intent => {
  const { candidate = 1, ...rest } = over;
  return {
    ...newIntent(APP, { term: 1, epoch: EPOCH_1 }),
    stages: [{ name: "all", current: candidate, candidate, completed: null }],
    ...rest,
  };
};

export const pin = (over: Partial<NonNullable<Intent["pin"]>> = {}): NonNullable<Intent["pin"]> => ({
  release: 1,
  by: "ada@example.com",
  reason: "errors",
  since: NOW,
  fromRollback: true,
  revision: 5,
  newestRelease: 2,
  ...over,
});

export const run = (number: number, over: Partial<AssignedEntry> = {}): AssignedEntry => ({
  epoch: EPOCH_1,
  generation: number,
  payloadSha256: sha(String(number % 10)),
  since: NOW,
  content: { kind: "run", release: number, digest: digestOf(String(number % 10)), direction: "forward" },
  history: [],
  ...over,
});

export const member = (id: ClusterId, over: Partial<FleetMember> = {}): FleetMember => ({
  id,
  isConnected: true,
  isRevoked: false,
  observed: null,
  ...over,
});

/** What an agent that carried out an entry reports. */
export const healthy = (entry: AssignedEntry, over: Partial<Report> = {}): ObservedEntry => ({
  report: {
    epoch: entry.epoch,
    generation: entry.generation,
    digest: entry.content.kind === "run" ? entry.content.digest : null,
    phase: entry.content.kind === "run" ? "Applied" : "Removed",
    sync: "Synced",
    health: "Healthy",
    message: "",
    objects: 2,
    drift: 0,
    at: NOW,
    ...(over as object),
  },
  ahead: null,
});

/** A brake that lets everything go, unless told otherwise. */
export const letGo = (
  clusters: Iterable<ClusterId>,
  over: (pair: LeavingPair) => RemovalVerdict = (pair) => ({ kind: "pass", pair, approval: null, objectsMax: 20 }),
): Pick<RolloutFacts, "removals" | "pruneLimit"> => ({
  removals: new Map([...clusters].map((id) => [id, over(leavingPair(id))])),
  pruneLimit: () => ({ approval: null, objectsMax: 20 }),
});

export const leavingPair = (id: ClusterId, over: Partial<LeavingPair> = {}): LeavingPair => ({
  app: APP.uid,
  cluster: id,
  cause: "definition",
  since: NOW,
  graceMs: 0,
  objects: 2,
  changes: 1,
  ...over,
});
