import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { OWNER_LABEL } from "../core/ownership.ts";
import type { ClusterApi } from "../ports/cluster-api.ts";
import type { HubLink } from "../ports/hub-link.ts";
import { type AgentWorld, createAgentWorld } from "../testing/agent-world.ts";
import { configMap } from "../testing/fake-hub.ts";

let world: AgentWorld;
beforeEach(() => {
  world = createAgentWorld();
});
afterEach(() => world.close());

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

/** The API server as a process sees it that dies at its k-th write: nothing that it asks from then on is answered. */
function dyingAfter(cluster: ClusterApi, writes: number): { api: ClusterApi; died: () => boolean } {
  let left = writes;
  const never = new Promise<never>(() => {});
  const guard =
    <A extends unknown[], R>(write: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> => {
      if (left <= 0) return never;
      left -= 1;
      // Dead before the answer: the last write happens, and nobody learns of it.
      return left === 0 ? write(...args).then(() => never) : write(...args);
    };
  return {
    died: () => left <= 0,
    api: {
      ...cluster,
      apply: guard(cluster.apply),
      delete: guard(cluster.delete),
      create: guard(cluster.create),
      replace: guard(cluster.replace),
    },
  };
}

const owned = async (): Promise<string[]> => {
  const kind = await world.cluster.api.resolve("v1", "ConfigMap");
  const found = await world.cluster.api.list(kind, { labelSelector: OWNER_LABEL });
  return found.map(({ metadata }) => metadata.name).toSorted();
};
const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

describe("an agent that dies at any write converges when it comes back", () => {
  // First release: create Namespace and Secret of the state, 4 applies, settle; second: mark, union, 4 applies, 3 deletes.
  test.each(Array.from({ length: 24 }, (_, k) => k + 1))(
    "at write %i: no orphan, nothing foreign touched",
    async (k) => {
      const foreign = configMap("foreign", { keep: "me" }, { namespace: "default" });
      await world.cluster.asUser("somebody").create(foreign);
      const first = ["same", ...names("old-", 3)].map((name) => configMap(name, { release: "1" }));
      const second = ["same", ...names("new-", 3)].map((name) => configMap(name, { release: "2" }));

      const mortal = dyingAfter(world.cluster.api, k);
      const link = world.hub.link();
      const connect: HubLink["connect"] = (hello, opts) =>
        mortal.died() ? new Promise<never>(() => {}) : link.connect(hello, opts);
      world.startAgent({ cluster: mortal.api, over: { link: { ...link, connect } }, dies: true });
      world.hub.assign("shop", first, { generation: 1 });
      await until(() => expect(mortal.died() || world.hub.last("shop")?.phase === "Applied").toBe(true));
      if (!mortal.died()) {
        world.hub.assign("shop", second, { generation: 2 });
        await until(() => expect(mortal.died() || world.hub.last("shop")?.generation === 2).toBe(true));
      }
      // The process is gone; its Lease runs out.
      world.hub.cut();
      world.leases.lose();

      world.hub.assign("shop", second, { generation: 2 });
      const heir = world.startAgent();
      await until(() =>
        expect(heir.status().apps[0]).toMatchObject({
          generation: 2,
          phase: "Applied",
          sync: "Synced",
          health: "Healthy",
        }),
      );
      expect(await owned()).toEqual(["new-0", "new-1", "new-2", "same"]);
      expect((await world.live("ConfigMap", "foreign"))?.data).toEqual({ keep: "me" });
    },
  );
});
