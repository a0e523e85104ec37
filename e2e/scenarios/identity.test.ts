import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import { createKeyMaker } from "@muster/agent/adapters/join/keys.ts";
import { type LinkIdentity, openChannel } from "@muster/agent/adapters/link/grpc/channel.ts";
import { createGrpcHubLink } from "@muster/agent/adapters/link/grpc/create-grpc-hub-link.ts";
import { fetchBundleOver } from "@muster/agent/adapters/link/grpc/fetch-bundle.ts";
import { type HubKeys, openHubKeys } from "@muster/hub/adapters/keys/open-hub-keys.ts";
import { AppError } from "@muster/shared/errors.ts";
import { silentLog } from "@muster/shared/log.ts";
import { type ClusterId, digest } from "@muster/shared/model/ids.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { TestCluster } from "../control-plane/provider.ts";
import { startTlsProxy, type TlsProxy } from "../faults/tls-proxy.ts";
import { startAgent } from "../fleet/agent-process.ts";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout, timed } from "../fleet/eventually.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { configMap } from "../fleet/manifests.ts";
import type { LogEvent, Program } from "../fleet/program.ts";
import { readIdentity, writeIdentity } from "../fleet/stored-identity.ts";
import { helloOf } from "../link/link-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

await describeFleet("who may be which cluster", { fleet: { clusters: [] } }, ({ fleet, controlPlane }) => {
  const agents: Program[] = [];
  let proxy: TlsProxy;
  beforeAll(async () => {
    proxy = await startTlsProxy(fleet().hub);
  });
  afterEach(async () => {
    proxy.loseAnswers(false);
    await Promise.all(agents.splice(0).map((agent) => agent.stop()));
  });
  afterAll(() => proxy?.close());

  const [at, other] = [0, 1].map((index) => (): TestCluster => {
    const cluster = controlPlane().clusters[index];
    if (!cluster) throw new Error("two clusters are needed");
    return cluster;
  }) as [() => TestCluster, () => TestCluster];

  /** A cluster that is registered, and an agent of it that is started, in a namespace of its own. */
  async function arrival(
    options: {
      cluster?: TestCluster;
      namespace?: string;
      token?: string | null;
      caHash?: string;
      hubAddress?: string;
      clockOffsetMs?: number;
    } = {},
  ) {
    const { hub, reaper, folder } = fleet();
    const name = `id-${randomUUID().slice(0, 8)}`;
    const cluster = options.cluster ?? at();
    const registered = options.token === undefined ? await hub.api.register(name) : null;
    const namespace = options.namespace ?? (await cluster.createNamespace("identity"));
    const token = registered?.token ?? options.token ?? null;
    const caHash = options.caHash ?? registered?.caHash ?? (await hub.api.register(`${name}-x`)).caHash;
    const agent = await startAgent({
      reaper,
      folder,
      name: `agent-${name}`,
      cluster,
      namespace,
      join: { hubAddress: options.hubAddress ?? hub.url, caHash, token },
      ...(options.clockOffsetMs === undefined ? {} : { clockOffsetMs: options.clockOffsetMs }),
    });
    agents.push(agent);
    return { name, namespace, token, caHash, agent, cluster };
  }
  const connected = (name: string): Promise<void> =>
    eventually(async () => expect((await fleet().hub.api.cluster(name)).state).toBe("Connected"), {
      deadlineMs: 60_000,
    });
  const says = (agent: Program, pattern: RegExp): Promise<LogEvent> => saying(agent, pattern);

  test("joins through a proxy that ends TLS, which never sees the token's secret", async () => {
    const { name, token } = await arrival({ hubAddress: proxy.url });
    await connected(name);
    const asked = proxy.seen.filter((line) => line.startsWith("POST /v1/join"));
    expect(asked.length).toBeGreaterThan(0);
    const secret = token?.split("_").at(-1) ?? "";
    expect(secret.length).toBeGreaterThan(20);
    for (const line of proxy.seen) expect(line).not.toContain(secret);
  });

  test("an agent that was killed before it heard that it had joined comes back with the same token", async () => {
    proxy.loseAnswers(true);
    const arrived = await arrival({ hubAddress: proxy.url });
    const joins = () =>
      fleet()
        .hub.logEvents()
        .filter(({ msg, name }) => msg === "cluster joined" && name === arrived.name);
    await eventually(() => expect(joins()).toHaveLength(1));
    expect(await readIdentity(arrived)).toMatchObject({ membership: null });
    await arrived.agent.kill9();
    proxy.loseAnswers(false);
    await arrived.agent.start();
    await connected(arrived.name);
    expect(new Set(joins().map(({ publicKey }) => publicKey)).size).toBe(1);
    expect(joins()).toHaveLength(2);
  });

  test("a token that another cluster used lets nobody else in, and the log says who used it", async () => {
    const first = await arrival();
    await connected(first.name);
    const second = await arrival({ cluster: other(), token: first.token, caHash: first.caHash });
    const { reason, fix } = await says(second.agent, /used by another cluster/);
    expect(reason).toContain(await at().kubeSystemUid());
    expect(reason).toContain(await other().kubeSystemUid());
    expect(fix).toMatch(/Register this cluster under a name of its own/);
    expect(await readIdentity(second)).toMatchObject({ membership: null });
  });

  test("another CA hash than the hub's is told with both, and a command", async () => {
    const wrong = `sha256:${randomBytes(32).toString("hex")}`;
    const { name, agent, namespace, cluster } = await arrival({ caHash: wrong });
    const { reason, fix } = await says(agent, /cannot join/);
    const own = (await fleet().hub.api.register(name)).caHash;
    expect(reason).toBe(`cannot join: the hub's CA is ${own}, this token was made for ${wrong}.`);
    expect(fix).toBe(
      `Something stands between this cluster and the hub, or the hub was rebuilt. Make a new token: muster cluster register ${name}`,
    );
    expect(await readIdentity({ cluster, namespace })).toMatchObject({ membership: null });
  });

  test.each([
    ["behind", -10 * MINUTE],
    ["ahead", 10 * MINUTE],
  ])("a clock that is %s is named as such, and once it is right the agent joins", async (_, clockOffsetMs) => {
    const { name, agent } = await arrival({ clockOffsetMs });
    const { reason, fix } = await says(agent, /cannot join/);
    expect(reason).toMatch(
      /^cannot join: this cluster's clock says \d{4}-.*Z, the hub's says \d{4}-.*Z: they are 10 min apart, and 5 min is the most\.$/,
    );
    expect(fix).toMatch(/Correct the clock/);
    await agent.restart({ clockOffsetMs: 0 });
    await connected(name);
  });

  test("an identity that was copied into another cluster is no identity there, and the agent says why", async () => {
    const first = await arrival();
    await connected(first.name);
    const stolen = await readIdentity(first);
    if (!stolen?.membership) throw new Error("it joined");
    const namespace = await other().createNamespace("identity");
    await writeIdentity({ cluster: other(), namespace }, stolen);
    const thief = await arrival({ cluster: other(), namespace, token: null, caHash: first.caHash });
    const end = await says(thief.agent, /the agent cannot go on/);
    const [uid, theirs] = [await at().kubeSystemUid(), await other().kubeSystemUid()];
    expect(end.err).toMatchObject({
      code: "forbidden",
      message: `the stored identity was made in the cluster with kube-system ${uid}, and this one is ${theirs}: an identity belongs to one cluster.`,
    });
    expect(end.fix).toMatch(/muster cluster register NAME/);
    await eventually(() => expect(thief.agent.isRunning).toBe(false));

    // One that does not look at where it is: then the hub does.
    const identity = linkIdentity(fleet(), { ...stolen.membership, privateKey: stolen.privateKey });
    await expect(connectAs(identity, { clusterUid: theirs })).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining(`made for the cluster with kube-system ${uid}, and this one is ${theirs}`),
    });
    await connected(first.name);
  });

  describe("a certificate", () => {
    test("of another hub's root gets neither a session nor a bundle", async () => {
      const { identity } = await forged(await keysIn(join(fleet().folder, "other-hub")), "c-0000000000000001");
      await expect(connectAs(identity)).rejects.toMatchObject({ code: "unauthenticated" });
      await expect(bundleAs(identity)).rejects.toBeInstanceOf(AppError);
    });

    test("for a cluster that the hub does not know gets neither, and is told what to do", async () => {
      const { identity } = await forged(await ownKeys(), "c-0000000000000001");
      await expect(connectAs(identity)).rejects.toMatchObject({
        code: "unauthenticated",
        message: expect.stringMatching(/does not know the cluster c-0000000000000001.*muster cluster register NAME/),
      });
      await expect(bundleAs(identity)).rejects.toMatchObject({ code: "unavailable" });
    });

    test("of the right cluster with another key than the one it joined with gets neither", async () => {
      const { name } = await arrival();
      await connected(name);
      const { id } = await fleet().hub.api.cluster(name);
      const { identity } = await forged(await ownKeys(), id);
      await expect(connectAs(identity, { clusterUid: await at().kubeSystemUid() })).rejects.toMatchObject({
        code: "forbidden",
        message: expect.stringContaining("superseded"),
      });
      await expect(bundleAs(identity)).rejects.toMatchObject({ code: "unavailable" });
      await connected(name);
    });

    const keysIn = (directory: string): Promise<HubKeys> =>
      openHubKeys({ directory, clock: systemClock, random: (bytes) => randomBytes(bytes) });
    const ownKeys = () => keysIn(join(fleet().hub.dataDir, "keys"));
    const forged = async (keys: HubKeys, id: string) => {
      const maker = createKeyMaker();
      const privateKey = await maker.createKey();
      const csr = await maker.createSigningRequest(privateKey);
      const clusterUid = await at().kubeSystemUid();
      // The hub's own name in it: nothing but the root tells the two apart.
      const { hubId } = (await ownKeys()).authority;
      expect(hubId).toMatch(/^hub-/);
      const { pem: certificate, notAfter } = await keys.authority.issueAgentCertificate(csr, {
        clusterId: id as ClusterId,
        clusterUid,
        now: Date.now(),
      });
      const root = fleet().hub.caPem;
      return { identity: linkIdentity(fleet(), { root, certificate, notAfter, privateKey }) };
    };
  });

  test("a cluster that is removed loses its live session within 5 s, gets nothing more, and keeps what it runs", async () => {
    const member = await fleet().addMember(at(), { name: `id-${randomUUID().slice(0, 8)}` });
    agents.push(member.agent);
    await connected(member.name);
    const { hub } = fleet();
    const app = await fleet().newApp("revoked", {
      files: { "a.yaml": configMap("a", { step: "1" }) },
      clusters: { names: [member.name] },
    });
    const [placement] = (await app.released(await app.copy.head())).placements;

    const { ms } = await timed(async () => {
      await hub.api.removeCluster(member.name);
      await says(member.agent, /removed/);
    });
    console.log(`the removed cluster's session was cut after ${Math.round(ms)} ms`);
    expect(ms).toBeLessThan(5_000);
    await app.push({ "a.yaml": configMap("a", { step: "2" }) });
    const refused = () =>
      hub.logEvents().filter(({ msg }) => msg === "session refused" || msg === "agent refused").length;
    const before = refused();
    await eventually(() => expect(refused()).toBeGreaterThan(before));
    // Whoever has its key and certificate, which are good for hours yet, gets what its agent gets: nothing.
    const stored = await readIdentity(member);
    if (!stored?.membership) throw new Error("it joined");
    const identity = linkIdentity(fleet(), { ...stored.membership, privateKey: stored.privateKey });
    await expect(connectAs(identity, { clusterUid: stored.clusterUid })).rejects.toMatchObject({
      message: expect.stringContaining("removed"),
    });
    await expect(bundleAs(identity, placement?.assigned?.digest)).rejects.toBeInstanceOf(AppError);
    await throughout(500, async () => expect(await app.data(member.cluster, "a")).toEqual({ step: "1" }));
    expect(
      (await hub.api.status()).clusters.filter(({ state }) => state === "Connected").map(({ name }) => name),
    ).not.toContain(member.name);
  });
});

await describeFleet("time that passed", { sharedFleet: false }, ({ ownFleet, controlPlane }) => {
  test("a token is good for an hour", async () => {
    const fleet = await ownFleet({ clusters: [], hub: { clockOffsetMs: -2 * HOUR } });
    const { token, caHash } = await fleet.hub.api.register("late");
    await fleet.hub.restart({ clockOffsetMs: 0 });
    const cluster = controlPlane().clusters[0] as TestCluster;
    const agent = await startAgent({
      reaper: fleet.reaper,
      folder: fleet.folder,
      name: "agent-late",
      cluster,
      namespace: await cluster.createNamespace("identity"),
      join: { hubAddress: fleet.hub.url, caHash, token },
    });
    try {
      expect(await saying(agent, /cannot join/)).toMatchObject({
        reason: expect.stringMatching(/expired|does not know the token/),
        fix: expect.stringContaining("muster cluster register"),
      });
    } finally {
      await agent.stop();
    }
  });

  test("all joined 26 h ago and hub and agents were off since: every one returns by itself", async () => {
    const clockOffsetMs = -26 * HOUR;
    const fleet = await ownFleet({ hub: { clockOffsetMs }, agent: { clockOffsetMs }, connected: false });
    // The machine's own TLS takes yesterday's certificates for expired, so nobody can connect; joining needs no TLS.
    for (const { agent } of fleet.members) await saying(agent, /identity in force/);
    await everythingStops(fleet);
    await fleet.hub.start({ clockOffsetMs: 0 });
    for (const { name } of fleet.members) {
      const { certificateExpires } = await fleet.hub.api.cluster(name);
      expect(Date.parse(certificateExpires ?? "")).toBeLessThan(Date.now());
    }
    await Promise.all(fleet.members.map(({ agent }) => agent.start({ clockOffsetMs: 0 })));
    await fleet.untilConnected();
    const app = await fleet.newApp("returned", { files: { "a.yaml": configMap("a") } });
    await app.released(await app.copy.head());
  });

  test("a fleet at work whose certificates all expired while everything was off goes on where it was", async () => {
    const fleet = await ownFleet();
    const app = await fleet.newApp("slept", { files: { "a.yaml": configMap("a", { step: "1" }) } });
    await app.released(await app.copy.head());
    await everythingStops(fleet);
    for (const member of fleet.members) await age(fleet, member, 26 * HOUR);
    const commit = await app.push({ "a.yaml": configMap("a", { step: "2" }) });
    // The agents first: they hold the line, and ask for a hub that is not there yet.
    await Promise.all(fleet.members.map(({ agent }) => agent.start()));
    await fleet.hub.start();
    await fleet.untilConnected();
    await app.released(commit, { deadlineMs: 60_000 });
    for (const member of fleet.members) {
      expect((await readIdentity(member))?.membership?.notAfter).toBeGreaterThan(Date.now());
    }
  });
});

async function everythingStops(fleet: Fleet): Promise<void> {
  await Promise.all(fleet.members.map(({ agent }) => agent.stop()));
  await fleet.hub.stop();
}

/** Puts the certificate that the hub would have given so long ago in the place of today's. */
async function age(fleet: Fleet, member: Fleet["members"][number], byMs: number): Promise<void> {
  const keys = await openHubKeys({
    directory: join(fleet.hub.dataDir, "keys"),
    clock: systemClock,
    random: (bytes) => randomBytes(bytes),
  });
  const identity = await readIdentity(member);
  if (!identity?.membership) throw new Error(`${member.name} has not joined`);
  const csr = await createKeyMaker().createSigningRequest(identity.privateKey);
  const issued = await keys.authority.issueAgentCertificate(csr, {
    clusterId: identity.membership.clusterId as ClusterId,
    clusterUid: identity.clusterUid,
    now: Date.now() - byMs,
  });
  const [notBefore, notAfter] = [identity.membership.notBefore - byMs, issued.notAfter];
  expect(notAfter).toBeLessThan(Date.now());
  const membership = { ...identity.membership, certificate: issued.pem, notBefore, notAfter };
  await writeIdentity(member, { ...identity, membership });
}

/** The first event whose message, reason or error says it. */
function saying(agent: Program, pattern: RegExp): Promise<LogEvent> {
  return eventually(() => {
    const events = agent.logEvents();
    const found = events.find((event) => {
      const { err } = event as { err?: { message?: string } };
      return [event.msg, event.reason, err?.message].some((text) => typeof text === "string" && pattern.test(text));
    });
    expect(found, `${pattern} in ${JSON.stringify(events.slice(-3))}`).toBeDefined();
    return found as LogEvent;
  });
}

const linkIdentity = (fleet: Fleet, identity: Omit<LinkIdentity, "endpoints">): LinkIdentity => ({
  root: identity.root,
  certificate: identity.certificate,
  privateKey: identity.privateKey,
  notAfter: identity.notAfter,
  endpoints: [`127.0.0.1:${fleet.hub.linkPort}`],
});

async function connectAs(identity: LinkIdentity, hello: Parameters<typeof helloOf>[0] = {}): Promise<void> {
  const link = createGrpcHubLink({ identity: () => identity, log: silentLog });
  try {
    const session = await link.connect(helloOf(hello), { signal: AbortSignal.timeout(20_000) });
    await session.close();
  } finally {
    await link.close();
  }
}

const noDigest = `b1:sha256:${"00".repeat(32)}`;

async function bundleAs(identity: LinkIdentity, wanted = noDigest): Promise<void> {
  const client = openChannel(identity, identity.endpoints[0] ?? "");
  try {
    const opts = { offset: 0, signal: AbortSignal.timeout(20_000), chunkTimeoutMs: 10_000 };
    for await (const _chunk of fetchBundleOver(client, digest.parse(wanted), opts)) break;
  } finally {
    client.close();
  }
}
