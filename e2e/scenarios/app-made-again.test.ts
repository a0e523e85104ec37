import { expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import { configMap } from "../fleet/manifests.ts";

await describeFleet("an App that is deleted and made again under its name", { clusters: 1 }, ({ fleet }) => {
  test("is a new App that inherits the objects; the older one's tombstone deletes none of them", async () => {
    const app = await fleet().newApp("again", { files: { "a.yaml": configMap("a", { step: "1" }) } });
    const [member] = fleet().members;
    if (!member) throw new Error("a cluster is needed");
    const before = await app.released(await app.copy.head());
    const objectUid = await uidOf();

    // The agent is away, so that tombstone and successor come to it together.
    await member.agent.stop();
    await fleet().hub.api.deleteApp(app.name);
    await fleet().hub.api.apply(app.definitions.app);
    const commit = await app.push({ "a.yaml": configMap("a", { step: "2" }) });
    await member.agent.start();

    const after = await app.released(commit);
    expect(after.uid).not.toBe(before.uid);
    expect(await app.data(member.cluster, "a")).toEqual({ step: "2" });
    await throughout(1_000, async () => expect(await uidOf()).toBe(objectUid));

    async function uidOf(): Promise<string> {
      const path = `/api/v1/namespaces/${app.namespace}/configmaps/a`;
      return (await member?.cluster.request("GET", path))?.json.metadata?.uid;
    }
  });

  test("starts afresh when the older one was gone from every cluster", async () => {
    const app = await fleet().newApp("afresh", { files: { "a.yaml": configMap("a", { step: "1" }) } });
    const [member] = fleet().members;
    if (!member) throw new Error("a cluster is needed");
    await app.released(await app.copy.head());
    await fleet().hub.api.deleteApp(app.name);
    await eventually(async () => expect(await app.owned(member.cluster)).toEqual([]));
    await fleet().hub.api.apply(app.definitions.app);
    await app.released(await app.copy.head());
    expect(await app.data(member.cluster, "a")).toEqual({ step: "1" });
  });
});
