import type { AppRecord } from "@muster/shared/model/inventory.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSecretState } from "../adapters/state/secret-state.ts";
import { type AgentWorld, createAgentWorld } from "../testing/agent-world.ts";
import { configMap } from "../testing/fake-hub.ts";
import { payloadSha256 } from "./trust.ts";

let world: AgentWorld;
beforeEach(() => {
  world = createAgentWorld();
});
afterEach(() => world.close());

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 2 });

test("an App whose stored assignment a later version made is left alone, and not told as removed", async () => {
  const { hub, cluster } = world;
  const app = { uid: "uid-later", project: "default", name: "later" };
  const tombstone = hub.make("later", { kind: "remove", action: "keep" }, { generation: 3, requires: ["apply/v9"] });
  const payload = Uint8Array.from(tombstone.payload);
  // The content is the last field, 8 bytes here: with another number it is of a kind that nobody knows yet.
  expect(payload.at(-8)).toBe((8 << 3) | 2);
  payload[payload.length - 8] = (15 << 3) | 2;
  const signed = hub.signPayload(payload);
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const record = {
    app,
    mark: {
      hubId: hub.hubId,
      appUid: app.uid,
      epoch: { number: 1, tag: "e1" },
      generation: 3,
      payloadSha256: payloadSha256(signed),
    },
    assignment: { payload: base64(signed.payload), keyId: signed.keyId, signature: base64(signed.signature) },
    appliedDigest: null,
    inventory: [],
    recentDigests: [],
  } as unknown as AppRecord;
  const state = createSecretState({ cluster: cluster.api, namespace: "muster-system", instance: "agent-1" });
  world.startAgent({
    over: { state: { ...state, load: async (opts) => ({ ...(await state.load(opts)), records: [record] }) } },
  });
  await until(() => expect([...hub.connections].some(({ hello }) => hello.isActing)).toBe(true));
  hub.send(signed);
  // Whatever is told of it comes before this.
  hub.assign("other", [configMap("a", {})], { generation: 1 });
  await until(() => expect(hub.last("other")?.phase).toBe("Applied"));
  expect(hub.withPhase("later", "Removed")).toEqual([]);
});
