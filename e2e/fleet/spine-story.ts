import { expect } from "vitest";
import { eventually } from "./eventually.ts";
import type { Fleet } from "./fleet.ts";
import type { FleetApp } from "./fleet-app.ts";
import { configMap } from "./manifests.ts";

/** Commit → object → status on every cluster, then a change and a removal: the same whatever forge and Kubernetes. */
export async function tellSpine(fleet: Fleet): Promise<FleetApp> {
  const app = await fleet.newApp("spine", {
    files: { "keep.yaml": configMap("keep", { step: "1" }), "leave.yaml": configMap("leave", { step: "1" }) },
    // Only the webhook can be what brings the changes in time.
    poll: "1h",
  });
  const first = await app.copy.head();
  const begun = await app.released(first);
  expect(begun.release).toMatchObject({ number: 1, commit: first, subject: "Begin", objects: 2 });
  expect(begun.summary).toMatchObject({ clusters: fleet.members.length, healthy: fleet.members.length, failed: 0 });
  for (const { cluster } of fleet.members) expect(await app.data(cluster, "keep")).toEqual({ step: "1" });

  const changed = await app.push({ "keep.yaml": configMap("keep", { step: "2" }) });
  expect((await app.released(changed)).release?.number).toBe(2);
  for (const { cluster } of fleet.members) expect(await app.data(cluster, "keep")).toEqual({ step: "2" });

  const removed = await app.push({ "leave.yaml": null });
  expect((await app.released(removed)).release).toMatchObject({ number: 3, objects: 1 });
  for (const { cluster } of fleet.members) {
    await eventually(async () => expect(await app.owned(cluster)).toEqual(["keep"]));
  }
  return app;
}
