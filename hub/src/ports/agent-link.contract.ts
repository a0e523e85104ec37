import type { SignedAssignment } from "@muster/shared/model/assignment.ts";
import type { AppUid, Digest } from "@muster/shared/model/ids.ts";
import type { Report } from "@muster/shared/model/report.ts";
import type { Hello, HelloAck } from "@muster/shared/model/session.ts";
import { reportV1 } from "@muster/shared/testing/wire-v1.ts";
import { describe, expect, it, vi } from "vitest";
import type { AgentGate, AgentLink, AgentSession } from "./agent-link.ts";

/** An agent as the other end of the link has it. */
export interface ContractAgent {
  readonly ack: HelloAck;
  /** Kinds of what it received, in order. */
  readonly received: readonly string[];
  report(generations: readonly number[]): Promise<void>;
  setActing(isActing: boolean): void;
  fetch(digest: Digest, offset: number): Promise<Uint8Array>;
  leave(): Promise<void>;
  /** How its session ended: null is normally. */
  readonly ended: Promise<{ code: string; message: string } | null>;
}

export interface AgentLinkSubject {
  readonly link: AgentLink;
  /** A joined agent connects. Rejects with the refusal. */
  dial(endpoint: string, hello: Hello): Promise<ContractAgent>;
  /** A key set that HelloAck may carry. */
  readonly keySet: HelloAck["keySet"];
  close(): Promise<void>;
}

const digest = `b1:sha256:${"cd".repeat(32)}` as Digest;
const signed: SignedAssignment = { payload: Buffer.from("p"), keyId: "k", signature: new Uint8Array(64) };
export const contractReport = (generation: number): Report => ({ ...reportV1, generation });
const hello: Hello = {
  protocol: { min: 1, max: 1 },
  agentVersion: "0.1.0",
  capabilities: ["bundle/b1"],
  kubernetesVersion: "1.37",
  clusterUid: "uid-1",
  instance: "i-1",
  isActing: true,
  have: [],
};
const eventually = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, { timeout: 15_000, interval: 5 });

export function agentLinkContract(makeSubject: () => Promise<AgentLinkSubject>) {
  type World = AgentLinkSubject & ReturnType<typeof noteEverything>;
  const scenario = (
    name: string,
    more: (world: () => World) => Partial<AgentGate>,
    run: (world: World) => Promise<void>,
  ) =>
    it(name, async () => {
      const subject = await makeSubject();
      try {
        const noted = noteEverything(subject.keySet);
        const world: World = { ...subject, ...noted };
        Object.assign(
          noted.gate,
          more(() => world),
        );
        await run(world);
      } finally {
        await subject.close();
      }
    });
  const connect = async ({ link, gate, dial }: World) => {
    const { endpoint } = await link.listen(gate);
    return dial(endpoint, hello);
  };

  describe("a hub's link to its agents", () => {
    scenario(
      "greets with what the agent said, and who the link knows it is",
      () => ({}),
      async (world) => {
        const agent = await connect(world);
        expect(world.hellos).toEqual([hello]);
        expect(world.sessions[0]?.peer).toMatchObject({ clusterUid: "uid-1" });
        expect(world.sessions[0]?.peer.publicKey).toMatch(/^sha256:[0-9a-f]{64}$/);
        expect(agent.ack.hubId).toBe("hub-1");
      },
    );

    scenario(
      "sends the ack before anything else, and then what was sent, in order",
      (world) => ({
        async greet(session) {
          session.send({ kind: "assignment", signed });
          const ack = world().ackOf();
          return { kind: "accepted", ack, onAckSent: () => session.send({ kind: "in-sync" }) };
        },
      }),
      async (world) => {
        const agent = await connect(world);
        await eventually(() => expect(agent.received).toEqual(["assignment", "in-sync"]));
      },
    );

    scenario(
      "tells an agent that is refused why, and forgets it",
      () => ({ greet: async () => ({ kind: "refused", code: "forbidden", message: "not here" }) }),
      async (world) => {
        await expect(connect(world)).rejects.toMatchObject({ code: "forbidden", message: "not here" });
        expect(world.gone).toEqual([]);
      },
    );

    scenario(
      "tells the gate once when an agent left",
      () => ({}),
      async (world) => {
        const agent = await connect(world);
        await agent.leave();
        await eventually(() => expect(world.gone).toHaveLength(1));
        expect(world.gone[0]).toBe(world.sessions[0]);
        expect(world.sessions[0]?.closed.aborted).toBe(true);
      },
    );

    scenario(
      "refuses a session that is open: at once, with the reason, for good",
      () => ({}),
      async (world) => {
        const agent = await connect(world);
        const [session] = world.sessions;
        session?.refuse("forbidden", "revoked by admin");
        expect(session?.closed.aborted).toBe(true);
        expect(await agent.ended).toMatchObject({ code: "forbidden", message: "revoked by admin" });
        session?.send({ kind: "in-sync" });
        session?.refuse("forbidden", "again");
        expect(world.gone).toHaveLength(1);
      },
    );

    scenario(
      "acknowledges reports in order, each when the gate stored it",
      () => ({}),
      async (world) => {
        const agent = await connect(world);
        const generations = Array.from({ length: 1_000 }, (_, i) => i + 1);
        await agent.report(generations);
        expect(world.reports.map(({ generation }) => generation)).toEqual(generations);
      },
    );

    scenario(
      "ends the session when reports cannot be stored: the agent sends them again",
      () => ({ report: () => Promise.reject(new Error("disk full")) }),
      async (world) => {
        const agent = await connect(world);
        await expect(agent.report([1])).rejects.toMatchObject({ code: "unavailable" });
        await eventually(() => expect(world.gone).toHaveLength(1));
      },
    );

    scenario(
      "passes on who acts, and heartbeats",
      () => ({}),
      async (world) => {
        const agent = await connect(world);
        agent.setActing(false);
        await eventually(() => expect(world.acting).toEqual([false]));
        await eventually(() => expect(world.beats()).toBeGreaterThan(1));
      },
    );

    scenario(
      "sends notices that name Apps",
      () => ({}),
      async (world) => {
        const agent = await connect(world);
        world.sessions[0]?.send({ kind: "ahead", apps: ["a" as AppUid] });
        await eventually(() => expect(agent.received).toEqual(["in-sync", "ahead"]));
      },
    );

    const content = Buffer.alloc(300_000, "xyz");
    const readable = async () => ({
      bytes: content.length,
      read: async (from: number, to: number) => content.subarray(from, to),
    });
    scenario(
      "serves bundles from any offset, and none beyond the end",
      () => ({ openBundle: readable }),
      async (world) => {
        const agent = await connect(world);
        expect(Buffer.from(await agent.fetch(digest, 0)).equals(content)).toBe(true);
        expect(Buffer.from(await agent.fetch(digest, 299_999)).equals(content.subarray(299_999))).toBe(true);
        await expect(agent.fetch(digest, 300_001)).rejects.toMatchObject({ code: "invalid" });
      },
    );

    scenario(
      "serves no bundle that the gate does not open",
      () => ({}),
      async (world) => {
        await expect((await connect(world)).fetch(digest, 0)).rejects.toMatchObject({ code: "forbidden" });
      },
    );

    scenario(
      "ends every session when it closes",
      () => ({}),
      async (world) => {
        const agent = await connect(world);
        await world.link.close();
        expect(await agent.ended).toMatchObject({ code: "unavailable" });
        expect(world.gone).toHaveLength(1);
      },
    );
  });
}

/** A gate that accepts everybody and notes what it is told. */
function noteEverything(keySet: HelloAck["keySet"]) {
  const noted = {
    sessions: [] as AgentSession[],
    hellos: [] as Hello[],
    reports: [] as Report[],
    acting: [] as boolean[],
    gone: [] as AgentSession[],
  };
  let beats = 0;
  const ackOf = (): HelloAck => ({
    ...{ protocol: 1, hubId: "hub-1", hubVersion: "0.1.0", keySet, heartbeatMs: 100, hubTime: 1 },
  });
  const gate: AgentGate = {
    async greet(session, said) {
      noted.sessions.push(session);
      noted.hellos.push(said);
      return { kind: "accepted", ack: ackOf(), onAckSent: () => session.send({ kind: "in-sync" }) };
    },
    async report(_, batch) {
      noted.reports.push(...batch.reports);
    },
    heartbeat: () => {
      beats += 1;
    },
    acting: (_, isActing) => void noted.acting.push(isActing),
    gone: (session) => void noted.gone.push(session),
    openBundle: async () => null,
  };
  return { ...noted, gate, ackOf, beats: () => beats };
}
