import { expect, test } from "vitest";
import type { TestCluster } from "../control-plane/provider.ts";
import { agentWrites, formatWrite } from "../fleet/agent-writes.ts";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import type { FleetMember } from "../fleet/fleet.ts";
import type { FleetApp } from "../fleet/fleet-app.ts";
import { configMap, configMaps } from "../fleet/manifests.ts";
import { rounds, seededRandom, timeoutFor } from "../fleet/seeded-random.ts";

const OBJECTS = 300;
const COMING = 150;

/** The long version: `MUSTER_TEST_ROUNDS=200 npx vitest run --project e2e e2e/scenarios/agent-crash.test.ts`. */
const ROUNDS = rounds(5);

// Every second commit drops a third of the objects, which would wait for a person.
const hub = { flags: ["--removal-guard-objects", `${COMING}`] };

await describeFleet("an agent that is killed with -9", { clusters: 1, auditLog: true, fleet: { hub } }, ({ fleet }) => {
  test(
    "in mid-apply, again and again: it converges, leaves no orphan, and touches nothing that is not its own",
    async () => {
      const random = seededRandom("agent-crash");
      const [member] = fleet().members;
      if (!member) throw new Error("a cluster is needed");
      const { agent, cluster } = member;
      const app = await fleet().newApp("crash", { files: configMaps("stay", OBJECTS, "0") });
      const bystander = await makeBystander(cluster, app.namespace);
      await app.released(await app.copy.head(), { deadlineMs: 60_000 });

      let interrupted = 0;
      for (let round = 1; round <= ROUNDS; round++) {
        // Every object changes, some come and some go: apply and prune are both under way when it dies.
        const others = round % 2 === 0 ? gone("come", COMING) : configMaps("come", COMING, `${round}`);
        await app.push({ ...configMaps("stay", OBJECTS, `${round}`), ...others });
        const killedAfter = random.upTo(OBJECTS + COMING);
        await eventually(async () => expect(await progress(app, cluster, round)).toBeGreaterThanOrEqual(killedAfter), {
          everyMs: 1,
        });
        await agent.kill9();
        if ((await progress(app, cluster, round)) < OBJECTS + COMING) interrupted += 1;
        await endLease(member);
        await agent.start();
      }
      // Otherwise this was no test of it.
      expect(interrupted).toBeGreaterThanOrEqual(2);
      const wanted = await namesInGit(app);
      await app.released(await app.copy.head(), { deadlineMs: 90_000 });
      expect(await app.owned(cluster)).toEqual(wanted);
      for (const name of [wanted[0], wanted.at(-1)]) {
        expect(await app.data(cluster, name ?? "")).toMatchObject({ value: `${ROUNDS}` });
      }

      expect(await read(cluster, app.namespace, "bystander")).toEqual(bystander);
      expect(await foreignWrites(member, app)).toEqual([]);
    },
    timeoutFor(ROUNDS),
  );

  test("a bystander of the same namespace and name pattern is never adopted", async () => {
    const [member] = fleet().members;
    if (!member) throw new Error("a cluster is needed");
    const app = await fleet().newApp("theirs", { files: { "a.yaml": configMap("mine") } });
    await app.released(await app.copy.head());
    const theirs = await makeBystander(member.cluster, app.namespace, "theirs");
    await app.push({ "b.yaml": configMap("theirs", { taken: "over" }) });
    await eventually(async () => {
      const { problems } = await fleet().hub.api.placement(app.name, member.name);
      expect(problems.map(({ code }) => code)).toContain("NotOwned");
    });
    expect(await read(member.cluster, app.namespace, "theirs")).toEqual(theirs);
  });
});

await describeFleet("an agent whose hub is away", { clusters: 1, sharedFleet: false }, ({ ownFleet }) => {
  test("heals drift, and still does after a restart without the hub", async () => {
    const fleet = await ownFleet();
    const [member] = fleet.members;
    if (!member) throw new Error("a cluster is needed");
    const app = await fleet.newApp("alone", { files: { "a.yaml": configMap("a", { value: "from Git" }) } });
    await app.released(await app.copy.head());

    await fleet.hub.kill9();
    await spoil(app, member.cluster);
    await isHealed(app, member.cluster);
    await member.agent.kill9();
    await endLease(member);
    await spoil(app, member.cluster);
    await member.agent.start();
    await isHealed(app, member.cluster);
    await member.cluster.request("DELETE", `/api/v1/namespaces/${app.namespace}/configmaps/a`);
    await isHealed(app, member.cluster);

    await fleet.hub.start();
    await fleet.untilConnected();
    await app.released(await app.push({ "a.yaml": configMap("a", { value: "from Git, later" }) }));
  });
});

await describeFleet(
  "two agents of one cluster",
  { clusters: 1, auditLog: true, sharedFleet: false },
  ({ ownFleet }) => {
    test("one acts; when it is killed the other takes over, and no two write at once", async () => {
      const fleet = await ownFleet();
      const [member] = fleet.members;
      if (!member) throw new Error("a cluster is needed");
      const app = await fleet.newApp("pair", { files: { "a.yaml": configMap("a", { value: "from Git" }) } });
      await app.released(await app.copy.head());
      const standBy = await member.addAgent();
      const holder = await leaseHolder(member);
      const commit = await app.push({ "a.yaml": configMap("a", { value: "from Git" }), "b.yaml": configMap("b") });
      await app.released(commit);
      await throughout(2_000, async () => expect(await leaseHolder(member)).toBe(holder));
      const isActing = ({ msg }: { msg?: string }) => msg?.startsWith("acting:") ?? false;
      expect(standBy.logEvents().filter(isActing)).toEqual([]);

      await member.agent.kill9();
      const killedAt = Date.now();
      await spoil(app, member.cluster);
      // A Lease whose holder is silent is taken when its term is over, and not before.
      await eventually(async () => expect(await leaseHolder(member)).not.toBe(holder), { deadlineMs: 60_000 });
      await isHealed(app, member.cluster);
      expect(standBy.logEvents().filter(isActing)).toHaveLength(1);
      // Nothing was written from the end of the one to the beginning of the other.
      const takenAt = Date.parse(String(standBy.logEvents().find(isActing)?.time));
      expect(takenAt - killedAt).toBeGreaterThan(5_000);
      const between = (await agentWrites(member.cluster)).filter(
        ({ namespace, at }) => namespace === app.namespace && at > killedAt && at < takenAt,
      );
      expect(between).toEqual([]);
      await app.released(await app.push({ "b.yaml": null }), { deadlineMs: 60_000 });
      expect(await foreignWrites(member, app)).toEqual([]);
    });
  },
);

const gone = (prefix: string, count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}-${index}.yaml`, null]));

async function namesInGit(app: FleetApp): Promise<string[]> {
  const files = await app.copy.git("ls-tree", "-r", "--name-only", "HEAD", app.path);
  return files
    .split("\n")
    .map((file) => file.slice(app.path.length + 1).replace(/\.yaml$/, ""))
    .sort();
}

/** Made by a person, with no label of Muster's. */
async function makeBystander(cluster: TestCluster, namespace: string, name = "bystander"): Promise<object> {
  await cluster.kubectl(["-n", namespace, "create", "configmap", name, "--from-literal=by=hand"]);
  return read(cluster, namespace, name);
}

async function read(cluster: TestCluster, namespace: string, name: string): Promise<object> {
  const { uid, resourceVersion } = (await cluster.request("GET", `/api/v1/namespaces/${namespace}/configmaps/${name}`))
    .json.metadata;
  return { uid, resourceVersion };
}

/** What the agent wrote that is neither an object of the App nor its own memory. */
async function foreignWrites(member: FleetMember, app: FleetApp): Promise<string[]> {
  const history = await app.copy.git("log", "--name-only", "--pretty=format:", "--", app.path);
  const everInGit = new Set(history.split("\n").map((file) => file.slice(app.path.length + 1).replace(/\.yaml$/, "")));
  const writes = (await agentWrites(member.cluster)).filter(({ namespace }) => namespace !== member.namespace);
  expect(writes.length).toBeGreaterThan(0);
  return writes
    .filter(
      ({ resource, namespace, name }) =>
        !(resource === "configmaps" && namespace === app.namespace && everInGit.has(name)),
    )
    .map(formatWrite);
}

/** How many of the objects that stay have the value of this round, and of the others have come or gone by it. */
async function progress(app: FleetApp, cluster: TestCluster, round: number): Promise<number> {
  const { items } = (await cluster.request("GET", `/api/v1/namespaces/${app.namespace}/configmaps`)).json;
  const found = items as { metadata: { name: string }; data?: { value?: string } }[];
  const isNew = ({ data }: (typeof found)[number]) => data?.value === `${round}`;
  const stay = found.filter((item) => item.metadata.name.startsWith("stay-") && isNew(item)).length;
  const come = found.filter(({ metadata }) => metadata.name.startsWith("come-"));
  return stay + (round % 2 === 0 ? COMING - come.length : come.filter(isNew).length);
}

/** What half a minute does to the Lease of a dead agent: it is free to be taken. */
async function endLease(member: FleetMember): Promise<void> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${member.namespace}/leases/muster-agent`;
  const patch = { body: { spec: { holderIdentity: "" } }, contentType: "application/merge-patch+json" };
  expect((await member.cluster.request("PATCH", path, patch)).status).toBe(200);
}

async function leaseHolder(member: FleetMember): Promise<string> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${member.namespace}/leases`;
  const { items } = (await member.cluster.request("GET", path)).json;
  expect(items).toHaveLength(1);
  return items[0].spec.holderIdentity;
}

async function spoil(app: FleetApp, cluster: TestCluster): Promise<void> {
  const answer = await cluster.request("PATCH", `/api/v1/namespaces/${app.namespace}/configmaps/a`, {
    body: { data: { value: "by hand" } },
    contentType: "application/merge-patch+json",
  });
  expect(answer.status).toBe(200);
}

const isHealed = (app: FleetApp, cluster: TestCluster): Promise<void> =>
  eventually(async () => expect((await app.data(cluster, "a"))?.value).toBe("from Git"), { deadlineMs: 60_000 });
