import { AppError } from "@muster/shared/errors.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type AgentWorld, createAgentWorld } from "../testing/agent-world.ts";
import { configMap } from "../testing/fake-hub.ts";

let world: AgentWorld;
beforeEach(() => {
  world = createAgentWorld();
});
afterEach(() => world.close());

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 2 });

test("what is refused is not tried faster because somebody keeps changing the object", async () => {
  world.startAgent();
  world.hub.assign("shop", [configMap("a", {})], { generation: 1 });
  await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 1, phase: "Applied" }));
  let tries = 0;
  world.cluster.faults.refuse(
    ({ verb, kind }) => verb === "patch" && kind === "ConfigMap",
    () => {
      tries += 1;
      return new AppError("invalid", "no");
    },
  );
  world.hub.assign("shop", [configMap("a", { now: "2" })], { generation: 2 });
  await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 2, phase: "Failed" }));
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" };
  for (let i = 0; i < 100; i++) {
    await world.cluster.asUser("controller").update(ref, (object) => {
      object.metadata.annotations.beat = `${i}`;
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Each of the hundred would be a try of its own; by itself there is one after half a second, and then ever fewer.
  expect(tries).toBeLessThan(10);
});
