import { AppError } from "@muster/shared/errors.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import type { ApprovalView, AppView, ClusterView, SourceView } from "../../../core/views.ts";
import type { Actor, HubCommands, HubQueries } from "../../../ports/hub-commands.ts";

export const aCluster = (change: Partial<ClusterView> = {}): ClusterView => ({
  name: "prod-eu-1",
  id: "c-1",
  labels: { tier: "prod" },
  state: "Connected",
  agentVersion: "0.1.0",
  kubernetesVersion: "1.37",
  lastSeen: "2026-03-03T13:05:00.000Z",
  certificateExpires: "2026-03-04T13:05:00.000Z",
  clockSkewMs: 3,
  registered: "2026-03-01T13:05:00.000Z",
  apps: { total: 1, synced: 1, healthy: 1, failed: 0, ahead: 0 },
  ...change,
});

export const aSource = (change: Partial<SourceView> = {}): SourceView => ({
  project: "storefront",
  name: "fleet",
  url: "https://git.example.com/platform/fleet.git",
  branch: "main",
  tag: null,
  held: null,
  state: "Ready",
  revision: null,
  lastChecked: null,
  problems: [],
  ...change,
});

export const anApp = (change: Partial<AppView> = {}): AppView => ({
  project: "storefront",
  name: "shop",
  uid: "a-1",
  source: "fleet",
  path: "apps/shop",
  release: null,
  pin: null,
  deleting: false,
  summary: { clusters: 1, atTarget: 1, healthy: 1, failed: 0, offline: 0, drift: 0, ahead: 0 },
  state: "Healthy on 1 cluster",
  problems: [],
  ...change,
});

export const anApproval = (change: Partial<ApprovalView> = {}): ApprovalView => ({
  id: "ap-1f2e3d4c",
  kind: "removal",
  state: "pending",
  what: "50 clusters would lose storefront/shop (600 objects)",
  why: "The App's definition changed, and no longer selects them.",
  askedBy: "ada@example.com",
  pairs: 50,
  objects: 600,
  apps: [{ app: "storefront/shop", pairs: 50, objects: 600, clusters: ["prod-eu-1"] }],
  created: "2026-03-03T13:05:00.000Z",
  decided: null,
  closed: null,
  ...change,
});

/** A hub that answers with examples and remembers what it was told to do. */
export function fakeHub() {
  const calls: { what: string; actor: Actor | null; args: unknown[] }[] = [];
  const did =
    <A extends unknown[], R>(what: string, answer: R) =>
    async (actor: Actor, ...args: A): Promise<R> => {
      calls.push({ what, actor, args });
      return answer;
    };
  let wake: (() => void)[] = [];
  const commands: HubCommands = {
    registerCluster: did("registerCluster", {
      cluster: aCluster({ state: "Registered" }),
      token: "mj1_example",
      expires: "2026-03-03T14:05:00.000Z",
      hubAddress: "https://127.0.0.1:7443",
      caHash: "sha256:00",
    }),
    labelCluster: did("labelCluster", { ...aCluster(), gains: [], loses: ["storefront/shop"], dryRun: false }),
    removeCluster: did("removeCluster", undefined),
    apply: did("apply", { results: [], dryRun: false }),
    handOver: did("handOver", { what: "App storefront/shop", from: "the API", to: "Source storefront/fleet" }),
    deleteAppSet: did("deleteAppSet", undefined),
    deleteProject: did("deleteProject", undefined),
    deleteSource: did("deleteSource", undefined),
    deleteApp: did("deleteApp", { waits: null }),
    moveApp: did("moveApp", { from: "storefront/shop", to: "storefront/store", clusters: 1, dryRun: false }),
    grantApproval: did("grantApproval", anApproval({ state: "granted" })),
    denyApproval: did("denyApproval", anApproval({ state: "denied" })),
    shipRelease: did("shipRelease", {
      number: 43,
      commit: "4f2c9e1",
      subject: "Raise the timeout",
      digest: null,
      objects: null,
      bytes: null,
      variants: 2,
      cause: { kind: "renderer", detail: "helm 4.3.1 → helm 4.4.0" } as const,
      held: false,
      created: "2026-03-03T13:05:00.000Z",
    }),
    rollback: did("rollback", {
      app: "storefront/shop",
      from: 2,
      to: 1,
      commit: "4f2c9e1",
      clusters: ["prod-eu-1"],
      dryRun: false,
    }),
    unpin: did("unpin", anApp()),
    recover: did("recover", { recovered: [] }),
    async wakeSource(source) {
      calls.push({ what: "wakeSource", actor: null, args: [source] });
    },
  };
  const unused = (): never => {
    throw new Error("not part of this example");
  };
  const queries: HubQueries = {
    status: async () => ({
      hub: { id: "h-1", version: "0.1.0", epoch: 1, started: "2026-03-01T13:05:00.000Z" },
      clusters: [aCluster()],
      sources: [aSource()],
      apps: [anApp()],
    }),
    clusters: async () => [aCluster()],
    async cluster(name) {
      if (name === "prod-eu-1") return aCluster();
      throw new AppError("not-found", `There is no cluster ${name}.`, { fix: "See `muster cluster list`." });
    },
    sources: async () => [aSource(), aSource({ project: "payments" })],
    trace: async () => [],
    source: async () => aSource(),
    appSets: async () => [],
    appSet: unused,
    projects: async () => [],
    apps: async () => [anApp(), anApp({ project: "payments", name: "api" })],
    app: async () => ({ ...anApp(), placements: [] }),
    placement: unused,
    releases: async () => [],
    bundle: async (_app, { release }) => ({
      release: release ?? 2,
      digest: `b1:sha256:${"0".repeat(64)}` as Digest,
      namespace: "shop",
      compressed: Buffer.from("compressed"),
    }),
    why: async (app, cluster) => ({
      app: `${app.project}/${app.name}`,
      cluster,
      reason: "Running",
      message: "It runs.",
      next: null,
    }),
    approvals: async () => [anApproval(), anApproval({ id: "ap-2", state: "withdrawn" })],
    approval: async () => anApproval(),
    definitions: async () => [],
    changed: (signal) =>
      new Promise((resolve) => {
        wake.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      }),
    isReady: () => ({ ready: false, waitingFor: ["the store"] }),
  };
  return {
    commands,
    queries,
    calls,
    /** Something that `status` shows changed. */
    change() {
      const waiting = wake;
      wake = [];
      for (const resolve of waiting) resolve();
    },
  };
}
