import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createWorkerBundleOpener } from "@muster/agent/adapters/bundle/worker-bundle-opener.ts";
import { STATE_LABEL } from "@muster/agent/adapters/state/secret-document.ts";
import type { LiveObject } from "@muster/agent/ports/cluster-api.ts";
import { FakeLeases } from "@muster/agent/testing/fake-lease.ts";
import { eventually } from "../fleet/eventually.ts";
import { startFleet } from "../fleet/fleet.ts";
import { configMap } from "../fleet/manifests.ts";
import { startMemoryAgent } from "../fleet/memory-agent.ts";
import { gitHttpServer } from "../forge/git-http-server.ts";
import { sqliteToText } from "./sqlite-text.ts";

/**
 * Writes what today's hub and agent keep: one App on one cluster, r2 rolled back to r1 and pinned. Identities stay out:
 * a private key belongs in no repository. For a new format only; a folder that is kept is never written anew.
 */
export async function keepFormat(folder: string): Promise<void> {
  const bundles = createWorkerBundleOpener();
  const forge = await gitHttpServer();
  const fleet = await startFleet({ clusters: [], forge });
  const agent = await startMemoryAgent(fleet.hub, "kept", bundles, { lease: new FakeLeases().open() });
  try {
    const app = await fleet.newApp("kept", { files: { "a.yaml": configMap("a", { step: "1" }) }, apply: false });
    const { source, app: definition } = app.definitions as { source: object; app: { spec: object } };
    const destination = { namespace: "kept", createNamespace: true };
    await fleet.hub.api.apply(source, { ...definition, spec: { ...definition.spec, destination } });
    await app.released(await app.copy.head());
    await app.released(await app.push({ "a.yaml": configMap("a", { step: "2" }) }));
    await fleet.hub.api.rollback(app.name, "previous", "kept for later versions");
    await app.settledAt(1);

    const { api } = agent.cluster;
    const kind = await api.resolve("v1", "Secret");
    const secrets = await eventually(async () => {
      const found = await api.list(kind, { namespace: "muster-system" });
      const states = found.filter(({ metadata }) => metadata.labels?.[STATE_LABEL] !== undefined);
      const chunks = found.filter(({ metadata }) => metadata.labels?.["muster.dev/bundle"] !== undefined);
      // Bundles are stored in the background, after what was applied was reported.
      if (states.length < 2 || chunks.length < 2) throw new Error(`${states.length} states, ${chunks.length} bundles`);
      return [...states, ...chunks].map(written);
    });
    const { hubId, clusterId } = agent;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "agent-state.json"), `${JSON.stringify({ hubId, clusterId, secrets }, null, 2)}\n`);
    await fleet.hub.stop();
    writeFileSync(join(folder, "store.sql"), sqliteToText(join(fleet.hub.dataDir, "hub.sqlite")));
  } finally {
    await agent.stop();
    await fleet.stop();
    await forge.stop();
    await bundles.close();
  }
}

/** Without what the API server adds. */
function written({ apiVersion, kind, type, metadata, data }: LiveObject): object {
  const { name, namespace, labels, annotations } = metadata;
  return { apiVersion, kind, type, metadata: { name, namespace, labels, annotations }, data };
}
