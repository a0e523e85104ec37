import { systemClock } from "@muster/shared/system-clock.ts";
import { describe, expect, it } from "vitest";
import { anIdentity, identityStoreContract } from "../../ports/identity-store.contract.ts";
import { createMemoryCluster } from "../memory-cluster/create-memory-cluster.ts";
import { createIdentitySecret } from "./identity-secret.ts";

async function newCluster() {
  const cluster = createMemoryCluster({ clock: systemClock, random: Math.random, name: "memory" });
  await cluster.api.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "muster-system" } });
  return cluster;
}
const ref = { apiVersion: "v1", kind: "Secret", namespace: "muster-system", name: "muster-identity" };

describe("the identity in a Secret", () => {
  identityStoreContract(async () => {
    const cluster = await newCluster();
    return {
      open: () => createIdentitySecret({ api: cluster.api, namespace: "muster-system" }),
      close: () => cluster.close(),
    };
  });

  it("fills a Secret that was made beforehand, and keeps its labels", async () => {
    const { api, close } = await newCluster();
    const { name, namespace } = ref;
    await api.create({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace, labels: { team: "platform" } } });
    const store = createIdentitySecret({ api, namespace: "muster-system" });
    expect(await store.load()).toBeNull();
    await store.save(anIdentity());
    expect((await api.get(ref))?.metadata.labels).toEqual({ team: "platform" });
    await close();
  });

  it("says what is wrong with one that cannot be read", async () => {
    const { api, close } = await newCluster();
    const { name, namespace } = ref;
    const data = { "identity.json": Buffer.from('{"format":"muster-agent-identity/v9"}').toString("base64") };
    await api.create({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, data });
    await expect(createIdentitySecret({ api, namespace: "muster-system" }).load()).rejects.toMatchObject({
      code: "corrupt",
      message: /muster-system\/muster-identity.*format/,
      fix: /new token/,
    });
    await close();
  });
});
