import { connect as connectTls } from "node:tls";
import { type ContractHub, fetchAll, hubLinkContract, readSession } from "@muster/agent/ports/hub-link.contract.ts";
import { agentLinkContract, contractReport } from "@muster/hub/ports/agent-link.contract.ts";
import type { HubEvent } from "@muster/hub/ports/agent-link.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import { LINK_SERVER_NAME } from "@muster/shared/trust/certificates.ts";
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

describe("gRPC, the agent's end", () =>
  hubLinkContract(async (hub) => {
    const own = await createLinkWorld();
    const { bundle } = hub;
    const served = await own.listen(
      {
        ...(hub.neverAnswers ? { greet: () => new Promise(() => {}) } : {}),
        ...(hub.refuse
          ? { greet: async () => ({ kind: "refused", ...(hub.refuse as Required<ContractHub>["refuse"]) }) }
          : {}),
        report: async (_, { reports }) => hub.report?.(reports),
        acting: (_, isActing) => hub.acting?.(isActing),
        openBundle: async () =>
          bundle ? { bytes: bundle.length, read: async (from, to) => bundle.subarray(from, to) } : null,
      },
      { isQuiet: true },
    );
    const proxy = await startTcpProxy({ port: served.port });
    own.defer(() => proxy.close());
    return {
      link: own.agent(await own.identity(proxy.endpoint)),
      send: (message) => served.seen.sessions.at(-1)?.send(message as HubEvent),
      refuse: (code, message) => served.seen.sessions.at(-1)?.refuse(code, message),
      cut: () => proxy.cut(),
      hellos: served.seen.hellos,
      close: () => own.close(),
    };
  }));

describe("gRPC, the hub's end", () =>
  agentLinkContract(async () => {
    const own = await createLinkWorld();
    return {
      link: await own.hubLink(),
      keySet: own.keys.signer.keySet(),
      close: () => own.close(),
      async dial(endpoint, hello) {
        const session = await own.agent(await own.identity(endpoint)).connect(hello, { signal: never });
        const { messages, end } = readSession(session);
        return {
          ack: session.ack,
          get received() {
            return messages.map(({ kind }) => kind);
          },
          report: (generations) => session.report(generations.map(contractReport), { signal: never }),
          setActing: session.setActing,
          fetch: (_, offset) => fetchAll(session, offset),
          leave: () => session.close(),
          ended: end,
        };
      },
    };
  }));

describe("a session", () => {
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

  it("by a hub whose own certificate was renewed meanwhile, without ending a session", async () => {
    const stop = new AbortController();
    const make = () => world.keys.serverCertificate({ names: [LINK_SERVER_NAME], signal: stop.signal });
    const [before, after] = [(await make()).current(), (await make()).current()];
    let renew = (_: typeof after): void => {};
    const onRenewed = (callback: typeof renew) => {
      renew = callback;
      return () => {};
    };
    const hub = await world.listen({}, { certificate: { current: () => before, onRenewed } });
    const served = () =>
      new Promise<string>((resolve) => {
        const options = { rejectUnauthorized: false, servername: LINK_SERVER_NAME };
        const socket = connectTls(hub.port, "127.0.0.1", options, () => {
          resolve(socket.getPeerX509Certificate()?.serialNumber ?? "");
          socket.destroy();
        });
        socket.on("error", () => {});
      });
    const session = await world.agent(await world.identity(hub.endpoint)).connect(helloOf(), { signal: never });
    const first = await served();
    renew(after);
    expect(await served()).not.toBe(first);
    await session.report([aReport(1)], { signal: never });
    await world.agent(await world.identity(hub.endpoint)).connect(helloOf(), { signal: never });
    stop.abort();
  });

  it("a session does not outlive its certificate", async () => {
    const hub = await world.listen();
    const dayMs = 24 * 3_600_000;
    const identity = await world.identity(hub.endpoint, { now: Date.now() - dayMs + 3_000 });
    const session = await world.agent(identity).connect(helloOf(), { signal: never });
    expect(await readSession(session).end).toMatchObject({ code: "unauthenticated", message: /expired/ });
  });
});

describe("bundles", () => {
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
  it("a cable that is out is noticed at both ends within a few heartbeats", async () => {
    const hub = await world.listen();
    const proxy = await proxied(hub.port);
    const session = await world.agent(await world.identity(proxy.endpoint)).connect(helloOf(), { signal: never });
    const { end } = readSession(session);
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
    const { end } = readSession(session);
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
    const { messages, end } = readSession(session);
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
