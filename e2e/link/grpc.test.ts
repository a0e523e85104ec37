import type { HubMessage, HubSession } from "@muster/agent/ports/hub-link.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { AppUid, Digest } from "@muster/shared/model/ids.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startTcpProxy } from "../faults/tcp-proxy.ts";
import { aReport, createFakeGate, createLinkWorld, helloOf } from "./link-world.ts";

const never = new AbortController().signal;
const eventually = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, { timeout: 20_000, interval: 10 });
const digest = `b1:sha256:${"cd".repeat(32)}` as Digest;

let world: Awaited<ReturnType<typeof createLinkWorld>>;
beforeEach(async () => {
  world = await createLinkWorld();
});
afterEach(() => world.close());

async function proxied(port: number) {
  const proxy = await startTcpProxy({ port });
  world.defer(() => proxy.close());
  return proxy;
}

/** Reads a session's messages into a list; `end` tells how it ended. */
function read(session: HubSession) {
  const messages: HubMessage[] = [];
  const end = (async () => {
    try {
      for await (const message of session.messages) messages.push(message);
      return null;
    } catch (error) {
      return error as AppError;
    }
  })();
  return { messages, end };
}

describe("a session", () => {
  it("begins with Hello and its ack, then carries assignments in order, in-sync and notices", async () => {
    const hub = await world.listen();
    const identity = await world.identity(hub.endpoint);
    const session = await world.agent(identity).connect(helloOf(), { signal: never });
    expect(session.ack).toMatchObject({ protocol: 1, hubId: world.keys.hubId, heartbeatMs: 200 });
    expect(hub.seen.hellos).toEqual([helloOf()]);
    expect(hub.seen.sessions[0]?.peer).toMatchObject({ clusterId: "c-1", clusterUid: "uid-1" });
    const { messages, end } = read(session);
    for (let i = 0; i < 500; i++) {
      hub.seen.sessions[0]?.send({ kind: "assignment", signed: world.keys.signer.sign(Buffer.from(`payload ${i}`)) });
    }
    hub.seen.sessions[0]?.send({ kind: "ahead", apps: ["a" as AppUid] });
    await eventually(() => expect(messages).toHaveLength(502));
    expect(messages[0]).toEqual({ kind: "in-sync" });
    expect(messages.at(-1)).toEqual({ kind: "ahead", apps: ["a"] });
    const payloads = messages.flatMap((m) =>
      m.kind === "assignment" ? [Buffer.from(m.signed.payload).toString()] : [],
    );
    expect(payloads).toEqual(Array.from({ length: 500 }, (_, i) => `payload ${i}`));
    session.setActing(false);
    await eventually(() => expect(hub.seen.acting).toEqual([false]));
    await eventually(() => expect(hub.seen.heartbeats).toBeGreaterThan(2));
    await session.close();
    expect(await end).toBeNull();
    await eventually(() => expect(hub.seen.gone).toBe(1));
    expect(hub.seen.sessions[0]?.closed.aborted).toBe(true);
  });

  it("reports are acknowledged only when they are stored", async () => {
    const stored = Promise.withResolvers<void>();
    const hub = await world.listen({ report: () => stored.promise });
    const session = await world.agent(await world.identity(hub.endpoint)).connect(helloOf(), { signal: never });
    let isAcked = false;
    const reported = session.report([aReport(1)], { signal: never }).then(() => {
      isAcked = true;
    });
    await eventually(() => expect(hub.seen.heartbeats).toBeGreaterThan(1));
    expect(isAcked).toBe(false);
    stored.resolve();
    await reported;
  });

  it("carries thousands of reports through a bounded window, in order", async () => {
    let underWay = 0;
    let underWayMax = 0;
    const got: number[] = [];
    const hub = await world.listen({
      async report(_, { reports }) {
        underWayMax = Math.max(underWayMax, ++underWay);
        await new Promise((resolve) => setImmediate(resolve));
        got.push(...reports.map((report) => report.generation));
        underWay -= 1;
      },
    });
    const session = await world.agent(await world.identity(hub.endpoint)).connect(helloOf(), { signal: never });
    const reports = Array.from({ length: 3_000 }, (_, i) => aReport(i + 1));
    await session.report(reports, { signal: never });
    expect(got).toEqual(reports.map((report) => report.generation));
    expect(underWayMax).toBe(1);
  });

  it("reports that were not acknowledged fail with the session, and a wrong report fails alone", async () => {
    const hub = await world.listen({ report: () => new Promise(() => {}) });
    const proxy = await proxied(hub.port);
    const session = await world.agent(await world.identity(proxy.endpoint)).connect(helloOf(), { signal: never });
    await expect(session.report([{ ...aReport(1), generation: 0 }], { signal: never })).rejects.toMatchObject({
      code: "invalid",
    });
    const cancel = new AbortController();
    const cancelled = session.report([aReport(1)], { signal: cancel.signal });
    cancel.abort();
    await expect(cancelled).rejects.toMatchObject({ code: "cancelled" });
    const lost = session.report([aReport(2)], { signal: never });
    lost.catch(() => {});
    proxy.cut();
    await expect(lost).rejects.toMatchObject({ code: "unavailable" });
  });

  it("is refused with the hub's reason", async () => {
    const message = "prod-eu-1 was removed from this hub";
    const hub = await world.listen({ greet: async () => ({ kind: "refused", code: "forbidden", message }) });
    const link = world.agent(await world.identity(hub.endpoint));
    await expect(link.connect(helloOf(), { signal: never })).rejects.toMatchObject({ code: "forbidden", message });
  });

  it("is refused later, too: revoking ends it at once, with the reason", async () => {
    const hub = await world.listen();
    const session = await world.agent(await world.identity(hub.endpoint)).connect(helloOf(), { signal: never });
    const { end } = read(session);
    hub.seen.sessions[0]?.refuse("forbidden", "revoked by admin");
    expect(await end).toMatchObject({ code: "forbidden", message: "revoked by admin" });
    expect(hub.seen.gone).toBe(1);
    await expect(session.report([aReport(1)], { signal: never })).rejects.toMatchObject({ code: "forbidden" });
    expect(() => session.fetchBundle(digest, { offset: 0, signal: never })).toThrow(/revoked/);
  });

  it("does not speak a protocol that the agent does not know", async () => {
    const hub = await world.listen();
    const link = world.agent(await world.identity(hub.endpoint));
    await expect(link.connect(helloOf({ protocol: { min: 2, max: 3 } }), { signal: never })).rejects.toMatchObject({
      code: "unsupported",
    });
  });

  it("ends when connecting is cancelled, or the hub never answers", async () => {
    const hub = await world.listen({ greet: () => new Promise(() => {}) });
    const identity = await world.identity(hub.endpoint);
    const cancel = new AbortController();
    const connecting = world.agent(identity).connect(helloOf(), { signal: cancel.signal });
    connecting.catch(() => {});
    setTimeout(() => cancel.abort(), 50);
    await expect(connecting).rejects.toMatchObject({ code: "cancelled" });
    const impatient = world.agent(identity, { helloTimeoutMs: 300 });
    await expect(impatient.connect(helloOf(), { signal: never })).rejects.toMatchObject({ code: "unavailable" });
  });

  it("a hub that stops says so", async () => {
    const hub = await world.listen();
    const session = await world.agent(await world.identity(hub.endpoint)).connect(helloOf(), { signal: never });
    const { end } = read(session);
    await hub.close();
    expect(await end).toMatchObject({ code: "unavailable", message: /the hub is stopping/ });
  });
});

describe("who is let in", () => {
  it("nobody without a certificate of this hub's root that is in force", async () => {
    const hub = await world.listen();
    const otherHub = await world.openKeys("other");
    const day = 24 * 3_600_000;
    const good = await world.identity(hub.endpoint);
    const cases = {
      "another root": await world.identity(hub.endpoint, { from: otherHub }),
      expired: await world.identity(hub.endpoint, { now: Date.now() - 2 * day }),
      "not yet valid": await world.identity(hub.endpoint, { now: Date.now() + day }),
    };
    for (const [what, identity] of Object.entries(cases)) {
      const error = await world
        .agent(identity)
        .connect(helloOf(), { signal: never })
        .then(
          () => "let in",
          (e: AppError) => e,
        );
      expect(error, what).toMatchObject({ code: "unauthenticated" });
    }
    expect(hub.seen.hellos).toEqual([]);
    await world.agent(good).connect(helloOf(), { signal: never });
  });

  it("nobody with another's certificate and a key of their own, and no agent posing as a hub", async () => {
    const hub = await world.listen();
    const [one, other] = [await world.identity(hub.endpoint), await world.identity(hub.endpoint, { cluster: "c-2" })];
    const mixed = { ...one, privateKey: other.privateKey };
    await expect(world.agent(mixed).connect(helloOf(), { signal: never })).rejects.toBeInstanceOf(AppError);
    const trustsAnother = { ...one, root: (await world.openKeys("other")).authority.root };
    await expect(world.agent(trustsAnother).connect(helloOf(), { signal: never })).rejects.toMatchObject({
      code: "unavailable",
      message: /not the hub that this cluster joined/,
    });
  });

  it("each as the cluster of its certificate, whatever its messages say", async () => {
    const hub = await world.listen();
    for (const cluster of ["c-1", "c-2"]) {
      await world.agent(await world.identity(hub.endpoint, { cluster })).connect(helloOf(), { signal: never });
    }
    expect(hub.seen.sessions.map((session) => session.peer.clusterId)).toEqual(["c-1", "c-2"]);
    expect(new Set(hub.seen.sessions.map((session) => session.peer.publicKey)).size).toBe(2);
  });

  it("with the renewed certificate at the next connection", async () => {
    const hub = await world.listen();
    let identity = await world.identity(hub.endpoint);
    const link = world.agent(() => identity);
    await link.connect(helloOf(), { signal: never });
    identity = await world.identity(hub.endpoint);
    await link.connect(helloOf(), { signal: never });
    const serials = hub.seen.sessions.map((session) => session.peer.certificateSerial);
    expect(new Set(serials).size).toBe(2);
  });

  it("a session does not outlive its certificate", async () => {
    const hub = await world.listen();
    const dayMs = 24 * 3_600_000;
    const identity = await world.identity(hub.endpoint, { now: Date.now() - dayMs + 3_000 });
    const session = await world.agent(identity).connect(helloOf(), { signal: never });
    expect(await read(session).end).toMatchObject({ code: "unauthenticated", message: /expired/ });
  });
});

describe("bundles", () => {
  const content = Buffer.alloc(1_000_003, "0123456789abcdef");
  const openBundle = async () => ({
    bytes: content.length,
    read: async (from: number, to: number) => content.subarray(from, to),
  });
  async function fetchAll(session: HubSession, offset: number, signal = never): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of session.fetchBundle(digest, { offset, signal })) parts.push(part);
    return Buffer.concat(parts);
  }

  it("come whole, or from where a cut left them", async () => {
    const hub = await world.listen({ openBundle });
    const session = await world.agent(await world.identity(hub.endpoint)).connect(helloOf(), { signal: never });
    expect((await fetchAll(session, 0)).equals(content)).toBe(true);
    expect((await fetchAll(session, 999_999)).equals(content.subarray(999_999))).toBe(true);
    expect((await fetchAll(session, content.length)).length).toBe(0);
    await expect(fetchAll(session, content.length + 1)).rejects.toMatchObject({ code: "invalid" });
  });

  it("are refused when they are not this cluster's", async () => {
    const hub = await world.listen();
    const session = await world.agent(await world.identity(hub.endpoint)).connect(helloOf(), { signal: never });
    await expect(fetchAll(session, 0)).rejects.toMatchObject({ code: "forbidden", message: /not assigned/ });
  });

  it("tell when the hub cannot read them, and stop when the agent stops", async () => {
    const hub = await world.listen({
      openBundle: async () => ({
        bytes: 10_000_000,
        read: async (from) => {
          if (from > 500_000) throw new AppError("not-found", "the blob is gone");
          return Buffer.alloc(65_536);
        },
      }),
    });
    const session = await world.agent(await world.identity(hub.endpoint)).connect(helloOf(), { signal: never });
    await expect(fetchAll(session, 0)).rejects.toMatchObject({ code: "not-found", message: /the blob is gone/ });
    const stop = new AbortController();
    const stopped = (async () => {
      for await (const _ of session.fetchBundle(digest, { offset: 0, signal: stop.signal })) stop.abort();
    })();
    await expect(stopped).rejects.toMatchObject({ code: "cancelled" });
    for await (const _ of session.fetchBundle(digest, { offset: 0, signal: never })) break;
  });

  it("are read from the store only as fast as the agent takes them", async () => {
    let readBytes = 0;
    const hub = await world.listen({
      openBundle: async () => ({
        bytes: 64 * 1024 * 1024,
        read: async (from, to) => {
          readBytes = to;
          return Buffer.alloc(to - from);
        },
      }),
    });
    const session = await world.agent(await world.identity(hub.endpoint), { bundleWindowBytes: 256 * 1024 });
    const open = await session.connect(helloOf(), { signal: never });
    const stop = new AbortController();
    const iterator = open.fetchBundle(digest, { offset: 0, signal: stop.signal })[Symbol.asyncIterator]();
    await iterator.next();
    let before = -1;
    await eventually(async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const isStill = readBytes === before;
      before = readBytes;
      expect(isStill).toBe(true);
    });
    expect(readBytes).toBeLessThan(8 * 1024 * 1024);
    stop.abort();
    await iterator.return?.(undefined);
  });
});

describe("a bad network", () => {
  it("a connection that was cut is noticed at both ends, and a new one works", async () => {
    const hub = await world.listen();
    const proxy = await proxied(hub.port);
    const link = world.agent(await world.identity(proxy.endpoint));
    const session = await link.connect(helloOf(), { signal: never });
    const { end } = read(session);
    proxy.cut();
    expect(await end).toMatchObject({ code: "unavailable" });
    await eventually(() => expect(hub.seen.gone).toBe(1));
    await link.connect(helloOf(), { signal: never });
  });

  it("a cable that is out is noticed at both ends within a few heartbeats", async () => {
    const hub = await world.listen();
    const proxy = await proxied(hub.port);
    const session = await world.agent(await world.identity(proxy.endpoint)).connect(helloOf(), { signal: never });
    const { end } = read(session);
    const before = performance.now();
    proxy.silence(true);
    expect(await end).toMatchObject({ code: "unavailable", message: /silent for 3 heartbeats/ });
    await eventually(() => expect(hub.seen.gone).toBe(1));
    expect(performance.now() - before).toBeLessThan(200 * 5 + 3_000);
    expect(hub.seen.sessions[0]?.closed.reason).toMatchObject({ message: /silent/ });
  });

  it("an agent that does not read is disconnected within the hub's bound", async () => {
    const hub = await world.listen({}, { limits: { outboxBytesMax: 1024 * 1024 } });
    const proxy = await proxied(hub.port);
    const session = await world.agent(await world.identity(proxy.endpoint)).connect(helloOf(), { signal: never });
    const { end } = read(session);
    await eventually(() => expect(hub.seen.heartbeats).toBeGreaterThan(0));
    proxy.setRate(50_000);
    const peer = hub.seen.sessions[0];
    const signed = world.keys.signer.sign(Buffer.alloc(60_000));
    for (let i = 0; i < 100; i++) peer?.send({ kind: "assignment", signed });
    expect(peer?.closed.aborted).toBe(true);
    expect(peer?.closed.reason).toMatchObject({ message: /does not keep up/ });
    expect(await end).toMatchObject({ code: "unavailable" });
  });

  it("heartbeats do not stall behind a 30 MB bundle on a slow line", async () => {
    const bytes = 30 * 1024 * 1024;
    let beats: number[] = [];
    const hub = await world.listen({
      heartbeat: () => void beats.push(performance.now()),
      openBundle: async () => ({ bytes, read: async (from, to) => Buffer.alloc(to - from, 7) }),
    });
    const proxy = await proxied(hub.port);
    const session = await world.agent(await world.identity(proxy.endpoint)).connect(helloOf(), { signal: never });
    const { messages, end } = read(session);
    proxy.setRate(1_000_000);
    proxy.setDelay(100);
    const stop = new AbortController();
    let received = 0;
    const fetching = (async () => {
      for await (const part of session.fetchBundle(digest, { offset: 0, signal: stop.signal })) received += part.length;
    })();
    fetching.catch(() => {});
    await eventually(() => expect(received).toBeGreaterThan(300_000));
    // Amid the bundle: heartbeats both ways, an assignment, an acknowledged report.
    beats = [];
    const asked = performance.now();
    hub.seen.sessions[0]?.send({ kind: "assignment", signed: world.keys.signer.sign(Buffer.from("p")) });
    await eventually(() => expect(messages.some(({ kind }) => kind === "assignment")).toBe(true));
    const assignmentMs = performance.now() - asked;
    await session.report([aReport(1)], { signal: never });
    await eventually(() => expect(beats.length).toBeGreaterThan(10));
    const gaps = beats.slice(1).map((at, i) => at - (beats[i] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(2 * 200);
    expect(assignmentMs).toBeLessThan(1_000);
    expect(await Promise.race([end, "alive"])).toBe("alive");
    // On a wide line the rest comes quickly.
    proxy.setRate(null);
    proxy.setDelay(0);
    await fetching;
    expect(received).toBe(bytes);
  });

  it("a hundred agents that come back at once are all let in, a few at a time", async () => {
    let greeting = 0;
    let greetingMax = 0;
    const { gate } = createFakeGate(
      { hubId: world.keys.hubId, keySet: () => world.keys.signer.keySet() as never },
      {},
      5_000,
    );
    const greet: typeof gate.greet = async (session, hello) => {
      greetingMax = Math.max(greetingMax, ++greeting);
      await new Promise((resolve) => setTimeout(resolve, 5));
      greeting -= 1;
      hub.seen.sessions.push(session);
      return gate.greet(session, hello);
    };
    const hub = await world.listen({ greet }, { limits: { greetingsAtOnceMax: 8, handshakesAtOnceMax: 8 } });
    const proxy = await proxied(hub.port);
    const identities = await Promise.all(
      Array.from({ length: 100 }, (_, i) => world.identity(proxy.endpoint, { cluster: `c-${i}` })),
    );
    const links = identities.map((identity) => world.agent(identity));
    const connectAll = () => Promise.all(links.map((link) => link.connect(helloOf(), { signal: never })));
    await connectAll();
    proxy.cut();
    await eventually(() => expect(hub.seen.gone).toBe(100));
    const before = performance.now();
    await connectAll();
    expect(new Set(hub.seen.sessions.slice(100).map((session) => session.peer.clusterId)).size).toBe(100);
    expect(performance.now() - before).toBeLessThan(20_000);
    expect(greetingMax).toBeLessThanOrEqual(8);
    expect(greetingMax).toBeGreaterThan(1);
  });
});
