import type { HubEnrolment } from "@muster/agent/ports/joining.ts";
import type { JoinRequest, RenewRequest } from "@muster/shared/model/joining.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin, createEnrolmentWorld, memoryIdentityStore, overJson, peerOf } from "./enrolment-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let world: Awaited<ReturnType<typeof createEnrolmentWorld>>;
beforeEach(async () => {
  world = await createEnrolmentWorld();
});
afterEach(() => world.close());

/** As vi.waitFor, on a machine that is busy with other things. */
const eventually = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, { timeout: 15_000 });

/** Moves the clock by minutes, so that requests under way still find it where they left it, until the check holds. */
const inTime = (check: () => void): Promise<void> =>
  eventually(async () => {
    await world.clock.advance(MINUTE);
    check();
  });

/** Starts an agent that is refused for ever, and gives the first refusal that it logged. */
async function refusalOf(agent: ReturnType<typeof world.createAgent>): Promise<Record<string, unknown>> {
  const outcome = agent.start().then(
    () => "it joined",
    () => "it gave up",
  );
  await Promise.race([outcome, eventually(() => expect(agent.warnings.length).toBeGreaterThan(0))]);
  agent.stop();
  expect(await outcome).toBe("it gave up");
  return agent.warnings[0] ?? {};
}

describe("joining", () => {
  it("gives a cluster an identity, of which the hub knows the key and never the token", async () => {
    const { token, record } = await world.register("prod-eu-1");
    const identity = await world.createAgent({ joinToken: token }).start();
    expect(identity.current()).toMatchObject({
      clusterId: record.id,
      clusterName: "prod-eu-1",
      endpoints: ["127.0.0.1:7443"],
    });
    expect(await world.identities.checkPeer(peerOf(identity), { clusterUid: "uid-1" })).toMatchObject({
      kind: "known",
    });
    const documents = JSON.stringify(await world.store.documents.list("clusters"));
    expect(documents).not.toContain(token.split("_")[2]);
    expect(documents).toContain("ClusterJoined");
  });

  it("sends neither the secret nor its hash", async () => {
    const { token, record } = await world.register("prod-eu-1");
    const sent: string[] = [];
    const real = overJson(world.enrolment);
    const hub: HubEnrolment = {
      ...real,
      join: (request, opts) => {
        sent.push(JSON.stringify(request));
        return real.join(request, opts);
      },
    };
    await world.createAgent({ joinToken: token, hub }).start();
    expect(sent).toHaveLength(1);
    expect(sent[0]).not.toContain(token.split("_")[2]);
    expect(sent[0]).not.toContain(record.tokens[0]?.hash);
  });

  it("may be repeated by the same key and cluster: a pod that died halfway gets in", async () => {
    const { token } = await world.register("prod-eu-1");
    const store = memoryIdentityStore();
    const real = overJson(world.enrolment);
    // The hub's answer is lost, and the pod dies.
    const lossy: HubEnrolment = {
      ...real,
      join: async (request, opts) => {
        await real.join(request, opts);
        throw new Error("connection reset");
      },
    };
    const dying = world.createAgent({ joinToken: token, store, hub: lossy });
    await refusalOf(dying);
    const identity = await world.createAgent({ joinToken: token, store }).start();
    expect(identity.current().clusterName).toBe("prod-eu-1");
  });

  it("two pods that start at once become one agent", async () => {
    const { token } = await world.register("prod-eu-1");
    const one = memoryIdentityStore();
    const other = memoryIdentityStore(one.shared);
    const [first, second] = await Promise.all([
      world.createAgent({ joinToken: token, store: one }).start(),
      world.createAgent({ joinToken: token, store: other }).start(),
    ]);
    expect(first.current().privateKey).toBe(second.current().privateKey);
  });

  it("of two clusters that use one token at once, one is refused", async () => {
    const { token } = await world.register("prod-eu-1");
    const agents = ["uid-1", "uid-2"].map((clusterUid) => world.createAgent({ joinToken: token, clusterUid }));
    const started = agents.map((agent) => agent.start());
    for (const start of started) start.catch(() => {});
    await eventually(() => expect(agents.flatMap((agent) => agent.warnings)).toHaveLength(1));
    expect(agents.flatMap((agent) => agent.warnings)[0]?.reason).toMatch(/used by another cluster/);
  });

  it.each([
    [
      "another cluster",
      { clusterUid: "uid-2" },
      /was used by another cluster \(kube-system uid-1; this one is uid-2\)/,
    ],
    ["another key", {}, /was used with another key; it works once/],
  ])("refuses a used token to %s, and says so", async (_, more, message) => {
    const { token } = await world.register("prod-eu-1");
    await world.createAgent({ joinToken: token }).start();
    const refusal = await refusalOf(world.createAgent({ joinToken: token, ...more }));
    expect(refusal).toMatchObject({ code: "forbidden", reason: message });
  });

  it("refuses a token after an hour, and one that a newer one replaced", async () => {
    const first = await world.register("prod-eu-1");
    await world.clock.advance(61 * MINUTE);
    expect(await refusalOf(world.createAgent({ joinToken: first.token }))).toMatchObject({
      reason: /expired 1 min ago/,
      fix: "Make a new token: muster cluster register prod-eu-1",
    });
    const second = await world.register("prod-eu-1");
    const third = await world.register("prod-eu-1");
    expect(second.record.id).toBe(third.record.id);
    expect(await refusalOf(world.createAgent({ joinToken: second.token }))).toMatchObject({
      reason: /does not know the token/,
    });
    await world.createAgent({ joinToken: third.token }).start();
  });

  it("refuses a wrong secret and an altered request", async () => {
    const { token } = await world.register("prod-eu-1");
    const wrong = token.slice(0, -4) + (token.endsWith("0000") ? "1111" : "0000");
    expect(await refusalOf(world.createAgent({ joinToken: wrong }))).toMatchObject({ reason: /secret of the token/ });
    const real = overJson(world.enrolment);
    const altering: HubEnrolment = { ...real, join: (r, o) => real.join({ ...r, clusterUid: "uid-9" }, o) };
    expect(await refusalOf(world.createAgent({ joinToken: token, hub: altering }))).toMatchObject({
      code: "unauthenticated",
      reason: /altered on its way/,
    });
  });

  it("refuses a hub that was rebuilt, with both hashes", async () => {
    const { token } = await world.register("prod-eu-1");
    const other = await world.otherHub();
    const refusal = await refusalOf(world.createAgent({ joinToken: token, hub: overJson(other.enrolment) }));
    expect(refusal.reason).toBe(
      `cannot join: the hub's CA is ${other.keys.authority.caHash}, this token was made for ${world.keys.authority.caHash}.`,
    );
    expect(refusal.fix).toMatch(/muster cluster register prod-eu-1/);
  });

  it("refuses answers that something between has put in place of the hub's", async () => {
    const { token } = await world.register("prod-eu-1");
    const other = await world.otherHub();
    const real = overJson(world.enrolment);
    const fake = overJson(other.enrolment);
    let replayed: Awaited<ReturnType<HubEnrolment["join"]>> | null = null;
    const between: [string, HubEnrolment["join"], RegExp][] = [
      // Signed by a root of its own.
      ["another root", (r, o) => fake.join({ ...r, caHash: other.keys.authority.caHash }, o), /.*/],
      [
        "its own root",
        async (r, o) => ({ ...(await real.join(r, o)), root: other.keys.authority.root }),
        /the hub's CA is/,
      ],
      [
        "an altered payload",
        async (r, o) => {
          const answer = await real.join(r, o);
          const grant = JSON.parse(Buffer.from(answer.payload, "base64").toString());
          const payload = Buffer.from(JSON.stringify({ ...grant, endpoints: ["evil.example.com:1"] })).toString(
            "base64",
          );
          return { ...answer, payload };
        },
        /not signed by its root/,
      ],
      [
        "an earlier answer",
        async (r, o) => {
          replayed ??= await real.join(r, o);
          return replayed;
        },
        /belongs to another request/,
      ],
    ];
    const store = memoryIdentityStore();
    for (const [what, join, message] of between) {
      if (what === "an earlier answer") replayed = await real.join(await captureJoin(token, store), { signal: never });
      const refusal = await refusalOf(world.createAgent({ joinToken: token, store, hub: { ...real, join } }));
      expect(refusal.reason, what).toMatch(message);
    }
  });

  it.each([
    ["behind", -10 * MINUTE],
    ["ahead", 10 * MINUTE],
  ])("names a clock that is %s, with both times", async (_, offMs) => {
    const { token } = await world.register("prod-eu-1");
    const clock = Object.assign(Object.create(world.clock), { now: () => world.clock.now() + offMs });
    const refusal = await refusalOf(world.createAgent({ joinToken: token, clock }));
    const [theirs, ours] = [world.clock.now() + offMs, world.clock.now()].map((time) => new Date(time).toISOString());
    expect(refusal.reason).toBe(
      `cannot join: this cluster's clock says ${theirs}, the hub's says ${ours}: they are 10 min apart, and 5 min is the most.`,
    );
  });

  it("keeps trying while the hub is away", async () => {
    const { token } = await world.register("prod-eu-1");
    const real = overJson(world.enrolment);
    let isAway = true;
    const hub: HubEnrolment = {
      ...real,
      join: (r, o) => (isAway ? Promise.reject(new Error("ECONNREFUSED")) : real.join(r, o)),
    };
    const agent = world.createAgent({ joinToken: token, hub });
    const started = agent.start();
    for (let tries = 1; tries <= 6; tries++) {
      await eventually(() => expect(agent.warnings).toHaveLength(tries));
      await eventually(() => expect(world.clock.sleepers).toBe(1));
      isAway = tries < 6;
      await world.clock.advance(world.clock.nextWakeMs ?? 0);
    }
    expect((await started).current().clusterName).toBe("prod-eu-1");
  });

  const never = new AbortController().signal;
  async function captureJoin(token: string, store: ReturnType<typeof memoryIdentityStore>): Promise<JoinRequest> {
    let captured: JoinRequest | null = null;
    const hub: HubEnrolment = {
      join: async (request) => {
        captured = request;
        throw new Error("cut");
      },
      renew: async () => Promise.reject(new Error("cut")),
    };
    await refusalOf(world.createAgent({ joinToken: token, store, hub }));
    if (captured === null) throw new Error("the agent did not ask");
    return captured;
  }
});

describe("renewing", () => {
  const joined = async (more: Parameters<typeof world.createAgent>[0] = {}) => {
    const { token, record } = await world.register("prod-eu-1");
    const agent = world.createAgent({ joinToken: token, ...more });
    return { agent, token, record, identity: await agent.start() };
  };

  it("happens at two thirds of a certificate's life, by itself", async () => {
    const { identity } = await joined();
    const { notAfter } = identity.current();
    await world.clock.advance(15 * HOUR);
    expect(identity.current().notAfter).toBe(notAfter);
    await world.clock.advance(0.9 * HOUR);
    expect(identity.current().notAfter).toBe(notAfter);
    await inTime(() => expect(identity.current().notAfter).toBeGreaterThan(notAfter));
    expect(await world.identities.checkPeer(peerOf(identity), { clusterUid: "uid-1" })).toMatchObject({
      kind: "known",
    });
  });

  it("survives an outage of the hub of 25 hours: every agent returns by itself", async () => {
    const real = overJson(world.enrolment);
    let isAway = false;
    const hub: HubEnrolment = {
      ...real,
      renew: (r, o) => (isAway ? Promise.reject(new Error("away")) : real.renew(r, o)),
    };
    const { identity } = await joined({ hub });
    isAway = true;
    await world.clock.advance(25 * HOUR);
    expect(identity.current().notAfter).toBeLessThan(world.clock.now());
    isAway = false;
    await inTime(() => expect(identity.current().notAfter).toBeGreaterThan(world.clock.now()));
  });

  it("starts a new pod with what is stored, hub or not, expired or not, and renews at once when it can", async () => {
    const { agent, token } = await joined();
    agent.stop();
    await world.clock.advance(25 * HOUR);
    const identity = await world.createAgent({ joinToken: token, store: agent.store }).start();
    await eventually(() => expect(identity.current().notAfter).toBeGreaterThan(world.clock.now()));
  });

  it("is allowed for 90 days after the end of the certificate", async () => {
    const { agent } = await joined();
    agent.stop();
    await world.clock.advance(24 * HOUR + 89 * 24 * HOUR);
    const late = world.createAgent({ store: agent.store });
    const identity = await late.start();
    await eventually(() => expect(identity.current().notAfter).toBeGreaterThan(world.clock.now()));
    late.stop();
    await world.clock.advance(24 * HOUR + 91 * 24 * HOUR);
    const tooLate = world.createAgent({ store: agent.store });
    await tooLate.start();
    await eventually(() =>
      expect(tooLate.warnings[0]).toMatchObject({
        code: "forbidden",
        reason: /expired 91 days ago; it can be renewed for 90/,
      }),
    );
  });

  it.each([
    [
      "revoked",
      (id: string) => world.identities.revoke(admin, id as never),
      /was removed from this hub by admin@example.com/,
    ],
    ["superseded", async () => void (await joined({ clusterUid: "uid-1" })), /superseded/],
  ])("is refused to an identity that was %s, and so is its connection", async (_, end, message) => {
    const { identity, record, agent } = await joined();
    await end(record.id);
    identity.renewSoon();
    await eventually(() => expect(agent.warnings[0]).toMatchObject({ code: "forbidden", reason: message }));
    expect(await world.identities.checkPeer(peerOf(identity), { clusterUid: "uid-1" })).toMatchObject({
      kind: "refused",
      message,
    });
  });

  it("is refused without the key, from another cluster, altered, and a second time", async () => {
    const real = overJson(world.enrolment);
    const sent: RenewRequest[] = [];
    const hub: HubEnrolment = {
      ...real,
      renew: (request, opts) => {
        sent.push(request);
        return real.renew(request, opts);
      },
    };
    const { identity, agent } = await joined({ hub });
    identity.renewSoon();
    await eventually(() => expect(sent).toHaveLength(1));
    const request = sent[0] as RenewRequest;
    const opts = { from: "192.0.2.1" };
    await eventually(() => expect(agent.warnings).toEqual([]));
    await expect(world.enrolment.renew(request, opts)).rejects.toMatchObject({ message: /replayed/ });
    await expect(world.enrolment.renew({ ...request, clusterUid: "uid-2" }, opts)).rejects.toMatchObject({
      message: /not signed by the key/,
    });
    await world.clock.advance(6 * MINUTE);
    await expect(world.enrolment.renew(request, opts)).rejects.toMatchObject({ message: /clock says/ });
    await expect(world.enrolment.renew({ ...request, clusterId: "c-0000" }, opts)).rejects.toMatchObject({
      message: /does not know the cluster/,
    });
  });
});

describe("a stored identity", () => {
  it("that was copied into another cluster is refused, unless a new token was given", async () => {
    const { token } = await world.register("prod-eu-1");
    const agent = world.createAgent({ joinToken: token });
    await agent.start();
    await expect(
      world.createAgent({ store: agent.store, joinToken: token, clusterUid: "uid-2" }).start(),
    ).rejects.toMatchObject({
      code: "forbidden",
      message: /made in the cluster with kube-system uid-1, and this one is uid-2/,
    });
    const own = await world.register("prod-eu-2");
    const identity = await world.createAgent({ store: agent.store, joinToken: own.token, clusterUid: "uid-2" }).start();
    expect(identity.current().clusterName).toBe("prod-eu-2");
  });

  it("without a token or a membership says what to do", async () => {
    await expect(world.createAgent().start()).rejects.toMatchObject({
      code: "invalid",
      fix: /muster cluster register/,
    });
  });

  it("goes on when a new token is not accepted", async () => {
    const { token } = await world.register("prod-eu-1");
    const agent = world.createAgent({ joinToken: token });
    await agent.start();
    const other = await world.register("prod-eu-2");
    await world.clock.advance(2 * HOUR);
    const identity = await world.createAgent({ store: agent.store, joinToken: other.token }).start();
    expect(identity.current().clusterName).toBe("prod-eu-1");
  });
});

describe("forgetting a cluster", () => {
  it("frees its name, once it was revoked and its audit drained", async () => {
    const { record } = await world.register("prod-eu-1");
    expect(await world.identities.forget(record.id)).toBe(false);
    await world.identities.revoke(admin, record.id);
    expect(await world.identities.forget(record.id)).toBe(false);
    await world.records.change(record.id, (current) => ({ ...current, audit: [] }));
    expect(await world.identities.forget(record.id)).toBe(true);
    const again = await world.register("prod-eu-1");
    expect(again.record.id).not.toBe(record.id);
    expect(again.isNew).toBe(true);
  });
});
