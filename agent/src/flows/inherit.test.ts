import type { AppRecord } from "@muster/shared/model/inventory.ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSecretState } from "../adapters/state/secret-state.ts";
import { type AgentWorld, createAgentWorld } from "../testing/agent-world.ts";
import { configMap } from "../testing/fake-hub.ts";

let world: AgentWorld;
beforeEach(() => {
  world = createAgentWorld();
});
afterEach(() => world.close());

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 2 });
const uidOf = async (name: string) => (await world.live("ConfigMap", name))?.metadata.uid;

describe("an App made again under the same name", () => {
  test.each([["former first"], ["heir first"]])(
    "keeps its objects when the agent died before the former one forgot them: %s",
    async (order) => {
      const state = createSecretState({ cluster: world.cluster.api, namespace: "muster-system", instance: "agent-1" });
      const kept = new Map<string, AppRecord>();
      const agent = world.startAgent({
        over: {
          state: {
            ...state,
            put: async (record) => {
              kept.set(record.app.uid, record);
              await state.put(record);
            },
          },
        },
        dies: true,
      });
      world.hub.assign("shop", [configMap("a", {})], { generation: 1, uid: "former" });
      await until(() => expect(world.hub.last("former")).toMatchObject({ phase: "Applied" }));
      const formers = kept.get("former") as AppRecord;
      world.hub.assign("shop", [configMap("a", {})], { generation: 1, uid: "heir" });
      await until(() => expect(world.hub.last("heir")).toMatchObject({ phase: "Applied" }));
      const before = await uidOf("a");
      const heirs = kept.get("heir") as AppRecord;
      await agent.stop();

      // As the state is when the process dies between the heir's write and the former one's.
      const both = order === "former first" ? [formers, heirs] : [heirs, formers];
      world.startAgent({
        over: { state: { ...state, load: async (opts) => ({ ...(await state.load(opts)), records: both }) } },
      });
      world.hub.remove("shop", "delete", { generation: 2, uid: "former" });
      await until(() => expect(world.hub.last("former")).toMatchObject({ phase: "Removed" }));
      world.hub.assign("shop", [configMap("a", { now: "2" })], { generation: 2, uid: "heir" });
      await until(() => expect(world.hub.last("heir")).toMatchObject({ generation: 2, phase: "Applied" }));
      expect(await uidOf("a")).toBe(before);
    },
  );
});
