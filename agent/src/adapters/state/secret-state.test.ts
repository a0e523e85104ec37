import { AppError } from "@muster/shared/errors.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import { appRecord } from "@muster/shared/model/inventory.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { describe, expect, test, vi } from "vitest";
import { agentStateContract } from "../../ports/agent-state.contract.ts";
import type { ClusterApi } from "../../ports/cluster-api.ts";
import { createMemoryCluster } from "../memory-cluster/create-memory-cluster.ts";
import { createSecretState } from "./secret-state.ts";

const newCluster = () => createMemoryCluster({ clock: systemClock, random: Math.random, name: "memory" });

describe("AgentState in Secrets", () =>
  agentStateContract(async () => {
    const cluster = newCluster();
    let instances = 0;
    return {
      open: () => createSecretState({ cluster: cluster.api, namespace: "muster-system", instance: `i${instances++}` }),
      close: () => cluster.close(),
    };
  }));

const record = (uid: string) =>
  appRecord.parse({
    app: { uid, project: "p", name: uid },
    mark: { hubId: "h", appUid: uid, epoch: { number: 1, tag: "t" }, generation: 1, payloadSha256: "0".repeat(64) },
    assignment: { payload: "", keyId: "k", signature: "" },
    appliedDigest: null,
    inventory: [],
  });

describe("its Secrets", () => {
  test("writes that are asked for together go out together", async () => {
    const cluster = newCluster();
    let writes = 0;
    const counting: ClusterApi = {
      ...cluster.api,
      create: (object) => {
        writes++;
        return cluster.api.create(object);
      },
      replace: (object) => {
        writes++;
        return cluster.api.replace(object);
      },
    };
    const state = createSecretState({ cluster: counting, namespace: "default", instance: "i" });
    await state.load({ fence: 1 });
    await Promise.all(Array.from({ length: 50 }, () => state.put(record("same"))));
    expect(writes).toBeLessThanOrEqual(2);
    await cluster.close();
  });

  test("a write whose answer was lost is told from another agent's", async () => {
    const cluster = newCluster();
    let losesAnswers = false;
    const flaky: ClusterApi = {
      ...cluster.api,
      replace: async (object) => {
        const stored = await cluster.api.replace(object);
        if (losesAnswers) throw new AppError("unavailable", "the answer was lost");
        return stored;
      },
    };
    const state = createSecretState({ cluster: flaky, namespace: "default", instance: "i" });
    await state.load({ fence: 1 });
    await state.put(record("app"));
    losesAnswers = true;
    await expect(state.put(record("app"))).rejects.toMatchObject({ code: "unavailable" });
    losesAnswers = false;
    await state.put(record("app"));
    await cluster.close();
  });

  test("a bundle that comes while others are forgotten is none of them", async () => {
    const cluster = newCluster();
    const held = Promise.withResolvers<void>();
    let isDeleting = false;
    const slow: ClusterApi = {
      ...cluster.api,
      delete: async (...args) => {
        isDeleting = true;
        await held.promise;
        return cluster.api.delete(...args);
      },
    };
    const state = createSecretState({ cluster: slow, namespace: "default", instance: "i" });
    await state.load({ fence: 1 });
    const [old, next, again] = ["a", "b", "c"].map((digit) => `b1:sha256:${digit.repeat(64)}` as Digest) as [
      Digest,
      Digest,
      Digest,
    ];
    const bytes = Buffer.from("bundle");
    await state.putBundle(old, bytes);
    await state.putBundle(again, bytes);
    const sweeping = state.keepBundles(new Set());
    await vi.waitFor(() => expect(isDeleting).toBe(true));
    await state.putBundle(next, bytes);
    await state.putBundle(again, bytes);
    held.resolve();
    await sweeping;
    expect(await state.getBundle(old)).toBeNull();
    expect(await state.getBundle(next)).toEqual(bytes);
    expect(await state.getBundle(again)).toEqual(bytes);
    // And they are still known: a later sweep finds them.
    await state.keepBundles(new Set());
    expect(await state.getBundle(next)).toBeNull();
    await cluster.close();
  });

  test("a later format is refused by name", async () => {
    const cluster = newCluster();
    const data = { format: Buffer.from("muster-agent-state/v9").toString("base64"), content: "" };
    const metadata = { name: "muster-state-01", namespace: "default", labels: { "muster.dev/state": "records" } };
    await cluster.api.create({ apiVersion: "v1", kind: "Secret", metadata, data });
    const state = createSecretState({ cluster: cluster.api, namespace: "default", instance: "i" });
    await expect(state.load({ fence: 1 })).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("muster-agent-state/v9"),
    });
    await cluster.close();
  });
});
