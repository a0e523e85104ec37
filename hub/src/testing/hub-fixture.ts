import { randomBytes } from "node:crypto";
import { silentLog } from "@muster/shared/log.ts";
import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import type { KeyHash } from "@muster/shared/model/joining.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { createPlainRenderer } from "../adapters/render/plain/create-plain-renderer.ts";
import { openSqliteStore } from "../adapters/store/sqlite/open.ts";
import { createHub, type Hub, type HubDependencies } from "../create-hub.ts";
import type { Actor } from "../ports/hub-commands.ts";
import type { Json, Store } from "../ports/store.ts";
import { FakeAgent } from "./fake-agent.ts";
import { FakeArtifacts } from "./fake-artifacts.ts";
import { FakeBundler } from "./fake-bundler.ts";
import { fakeCredentials } from "./fake-credentials.ts";
import { FakeGit } from "./fake-git.ts";
import { FakeRenderer } from "./fake-renderer.ts";
import { FakeVerifier } from "./fake-verifier.ts";
import { noCharts } from "./no-charts.ts";
import { createTestKeys } from "./test-keys.ts";

export const person: Actor = { kind: "person", name: "ada@example.com", from: "127.0.0.1" };
export const REPOSITORY = "https://git.example.com/fleet.git";

export const sourceOf = (over: object = {}) => ({
  apiVersion: "muster.dev/v1alpha1",
  kind: "Source",
  metadata: { name: "fleet" },
  spec: { git: { url: REPOSITORY }, poll: "1h", ...over },
});

export const appOf = (name = "shop", over: object = {}) => ({
  apiVersion: "muster.dev/v1alpha1",
  kind: "App",
  metadata: { name },
  spec: { source: { name: "fleet", path: `apps/${name}` }, clusters: { all: true }, ...over },
});

export const shop = { project: "default", name: "shop" };

/** A hub on a store in memory, with a fake at each other port; hubs may come and go while store, Git and agents stay. */
export class HubFixture {
  readonly git = new FakeGit();
  readonly artifacts = new FakeArtifacts();
  readonly credentials = fakeCredentials();
  readonly verifier = new FakeVerifier();
  readonly bundler = new FakeBundler();
  readonly kustomize = new FakeRenderer("kustomize");
  readonly helm = new FakeRenderer("helm");
  readonly keys = createTestKeys();
  readonly agents = new Map<string, FakeAgent>();
  store: Store;
  hub!: Hub;
  fatal: unknown = null;

  private constructor(store: Store) {
    this.store = store;
  }

  static async create(): Promise<HubFixture> {
    return new HubFixture(await openSqliteStore({ file: ":memory:", clock: systemClock }));
  }

  /** A new hub on what is stored; `wrap` puts something between it and the store. */
  async startHub(opts: { wrap?: (store: Store) => Store; over?: Partial<HubDependencies> } = {}): Promise<Hub> {
    this.hub = createHub({
      store: opts.wrap?.(this.store) ?? this.store,
      git: this.git,
      verifier: this.verifier,
      renderers: { plain: createPlainRenderer(), kustomize: this.kustomize, helm: this.helm },
      bundler: this.bundler,
      charts: noCharts,
      artifacts: this.artifacts,
      link: null,
      keys: this.keys,
      credentials: this.credentials,
      clock: systemClock,
      random: Math.random,
      randomBytes: (bytes) => new Uint8Array(randomBytes(bytes)),
      log: silentLog,
      version: "0.1.0",
      hubAddress: () => "https://hub.example.com",
      linkAddress: "hub.example.com:7443",
      leaseHolder: "test",
      onFatal: (error) => {
        this.fatal = error;
      },
      ...opts.over,
    });
    await this.hub.start();
    return this.hub;
  }

  /** Registers a cluster and lets its agent have joined. */
  async addCluster(name: string, labels: Record<string, string> = {}): Promise<FakeAgent> {
    const { cluster } = await this.hub.commands.registerCluster(person, { name, labels });
    const key = { collection: "clusters", key: cluster.id };
    const stored = await this.store.documents.get(key);
    if (stored === null) throw new Error(`${name} was not stored`);
    const publicKey = `sha256:${randomBytes(32).toString("hex")}` as KeyHash;
    const clusterUid = `uid-${name}`;
    const far = 4_000_000_000_000;
    const identity = {
      clusterUid,
      publicKey,
      joined: 1,
      notAfter: far,
      certificates: [{ serial: "01", notAfter: far }],
    };
    const record = { ...(stored.value as { [key: string]: Json }), identity };
    await this.store.documents.put(key, record, { ifVersion: stored.version });
    const agent = new FakeAgent(cluster.id as ClusterId, clusterUid, publicKey);
    this.agents.set(name, agent);
    return agent;
  }

  async uidOf(name = "shop"): Promise<AppUid> {
    return (await this.hub.queries.app({ project: "default", name })).uid as AppUid;
  }

  push(files: Record<string, string>, opts?: Parameters<FakeGit["push"]>[2]) {
    return this.git.push(REPOSITORY, files, opts);
  }

  async wake(): Promise<void> {
    await this.hub.commands.wakeSource({ project: "default", name: "fleet" });
  }

  async close(): Promise<void> {
    for (const agent of this.agents.values()) agent.disconnect();
    await this.hub?.stop().catch(() => {});
    await this.store.close();
  }
}
