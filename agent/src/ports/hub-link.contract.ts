import { AppError } from "@muster/shared/errors.ts";
import type { AppUid, Digest } from "@muster/shared/model/ids.ts";
import type { Report } from "@muster/shared/model/report.ts";
import type { Hello } from "@muster/shared/model/session.ts";
import { reportV1 } from "@muster/shared/testing/wire-v1.ts";
import { describe, expect, it, vi } from "vitest";
import type { HubLink, HubMessage, HubSession } from "./hub-link.ts";

/** What the hub at the other end does. It accepts with protocol 1 unless told. */
export interface ContractHub {
  readonly refuse?: { readonly code: string; readonly message: string };
  readonly neverAnswers?: boolean;
  /** Resolves when the reports are stored. */
  report?(reports: readonly Report[]): Promise<void>;
  acting?(isActing: boolean): void;
  /** Null: not assigned to this cluster. */
  readonly bundle?: Uint8Array | null;
}

export interface HubLinkSubject {
  readonly link: HubLink;
  /** The hub sends to the one session there is. */
  send(message: HubMessage): void;
  /** The hub ends the session, with a reason. */
  refuse(code: string, message: string): void;
  /** The connection breaks. */
  cut(): void;
  /** Hellos the hub has received. */
  readonly hellos: readonly Hello[];
  close(): Promise<void>;
}

const never = new AbortController().signal;
const digest = `b1:sha256:${"cd".repeat(32)}` as Digest;
const reportOf = (generation: number): Report => ({ ...reportV1, generation });
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

/** Reads a session's messages into a list; `end` tells how it ended: null is normally. */
export function readSession(session: HubSession) {
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

export async function fetchAll(session: HubSession, offset: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of session.fetchBundle(digest, { offset, signal: never })) parts.push(part);
  return Buffer.concat(parts);
}

export function hubLinkContract(makeSubject: (hub: ContractHub) => Promise<HubLinkSubject>) {
  const scenario = (name: string, hub: ContractHub, run: (subject: HubLinkSubject) => Promise<void>) =>
    it(name, async () => {
      const subject = await makeSubject(hub);
      try {
        await run(subject);
      } finally {
        await subject.close();
      }
    });

  describe("an agent's link to its hub", () => {
    scenario("says Hello as it is, and gives back the ack", {}, async ({ link, hellos }) => {
      const session = await link.connect(hello, { signal: never });
      expect(hellos).toEqual([hello]);
      expect(session.ack.protocol).toBe(1);
      expect(session.ack.keySet.payload.byteLength).toBeGreaterThan(0);
    });

    scenario("delivers what the hub sends, all of it and in order", {}, async ({ link, send }) => {
      const { messages } = readSession(await link.connect(hello, { signal: never }));
      const signed = (i: number) => ({
        payload: Buffer.from(`payload ${i}`),
        keyId: "k",
        signature: new Uint8Array(64),
      });
      const sent: HubMessage[] = Array.from({ length: 500 }, (_, i) => ({ kind: "assignment", signed: signed(i) }));
      sent.push({ kind: "ahead", apps: ["a" as AppUid] }, { kind: "in-sync" });
      for (const message of sent) send(message);
      await eventually(() => expect(messages).toHaveLength(sent.length));
      expect(messages.map(plain)).toEqual(sent.map(plain));
    });

    const refusal = { code: "forbidden", message: "prod-eu-1 was removed from this hub" };
    scenario("throws the hub's refusal", { refuse: refusal }, async ({ link }) => {
      await expect(link.connect(hello, { signal: never })).rejects.toMatchObject(refusal);
    });

    scenario("speaks no protocol that the agent did not offer", {}, async ({ link }) => {
      const later = { ...hello, protocol: { min: 2, max: 3 } };
      await expect(link.connect(later, { signal: never })).rejects.toMatchObject({ code: "unsupported" });
    });

    scenario("stops connecting when it is told", { neverAnswers: true }, async ({ link }) => {
      const cancel = new AbortController();
      const connecting = link.connect(hello, { signal: cancel.signal });
      connecting.catch(() => {});
      setTimeout(() => cancel.abort(), 30);
      await expect(connecting).rejects.toMatchObject({ code: "cancelled" });
    });

    scenario("ends as the hub says, and everything with it", {}, async ({ link, refuse }) => {
      const session = await link.connect(hello, { signal: never });
      const { end } = readSession(session);
      refuse("forbidden", "revoked by admin");
      expect(await end).toMatchObject({ code: "forbidden", message: "revoked by admin" });
      await expect(session.report([reportOf(1)], { signal: never })).rejects.toBeInstanceOf(AppError);
    });

    scenario("ends normally when the agent closes it", {}, async ({ link }) => {
      const session = await link.connect(hello, { signal: never });
      const { end } = readSession(session);
      await session.close();
      expect(await end).toBeNull();
    });

    scenario(
      "ends as unavailable when the connection breaks, and connects again",
      {},
      async ({ link, cut, hellos }) => {
        const { end } = readSession(await link.connect(hello, { signal: never }));
        cut();
        expect(await end).toMatchObject({ code: "unavailable" });
        await link.connect(hello, { signal: never });
        expect(hellos).toHaveLength(2);
      },
    );

    scenario("has one session: connecting again ends the former", {}, async ({ link }) => {
      const { end } = readSession(await link.connect(hello, { signal: never }));
      await link.connect(hello, { signal: never });
      await end;
    });

    let stored = Promise.withResolvers<void>();
    scenario(
      "resolves a report when it is stored, and not before",
      { report: () => stored.promise },
      async ({ link }) => {
        stored = Promise.withResolvers();
        const session = await link.connect(hello, { signal: never });
        let isAcked = false;
        const reported = session.report([reportOf(1)], { signal: never }).then(() => {
          isAcked = true;
        });
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(isAcked).toBe(false);
        stored.resolve();
        await reported;
      },
    );

    const got: number[] = [];
    const collect = async (reports: readonly Report[]) => void got.push(...reports.map(({ generation }) => generation));
    scenario("carries thousands of reports, in order", { report: collect }, async ({ link }) => {
      const session = await link.connect(hello, { signal: never });
      const generations = Array.from({ length: 3_000 }, (_, i) => i + 1);
      await session.report(generations.map(reportOf), { signal: never });
      expect(got).toEqual(generations);
    });

    scenario(
      "fails reports that were not acknowledged, cancelled ones at once, wrong ones alone",
      { report: () => new Promise(() => {}) },
      async ({ link, cut }) => {
        const session = await link.connect(hello, { signal: never });
        await expect(session.report([reportOf(0)], { signal: never })).rejects.toMatchObject({ code: "invalid" });
        const cancel = new AbortController();
        const cancelled = session.report([reportOf(1)], { signal: cancel.signal });
        cancel.abort();
        await expect(cancelled).rejects.toMatchObject({ code: "cancelled" });
        const lost = session.report([reportOf(2)], { signal: never });
        lost.catch(() => {});
        cut();
        await expect(lost).rejects.toMatchObject({ code: "unavailable" });
      },
    );

    const acting: boolean[] = [];
    scenario("tells the hub who acts", { acting: (isActing) => void acting.push(isActing) }, async ({ link }) => {
      const session = await link.connect(hello, { signal: never });
      session.setActing(false);
      session.setActing(true);
      await eventually(() => expect(acting).toEqual([false, true]));
    });

    const bundle = Buffer.alloc(1_000_003, "0123456789abcdef");
    scenario("fetches a bundle whole, or from where a cut left it", { bundle }, async ({ link }) => {
      const session = await link.connect(hello, { signal: never });
      expect((await fetchAll(session, 0)).equals(bundle)).toBe(true);
      expect((await fetchAll(session, 999_999)).equals(bundle.subarray(999_999))).toBe(true);
      expect((await fetchAll(session, bundle.length)).length).toBe(0);
    });

    scenario("stops fetching when it is told", { bundle: Buffer.alloc(5_000_000) }, async ({ link }) => {
      const session = await link.connect(hello, { signal: never });
      const stop = new AbortController();
      const stopped = (async () => {
        for await (const _ of session.fetchBundle(digest, { offset: 0, signal: stop.signal })) stop.abort();
      })();
      await expect(stopped).rejects.toMatchObject({ code: "cancelled" });
      for await (const _ of session.fetchBundle(digest, { offset: 0, signal: never })) break;
    });

    scenario("throws for a bundle that is not this cluster's", { bundle: null }, async ({ link }) => {
      const session = await link.connect(hello, { signal: never });
      await expect(fetchAll(session, 0)).rejects.toMatchObject({ code: "forbidden" });
    });
  });
}

const plain = (message: HubMessage): unknown =>
  message.kind === "assignment" ? Buffer.from(message.signed.payload).toString() : message;
