import { expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { tellSpine } from "../fleet/spine-story.ts";

await describeFleet("the spine on an older Kubernetes", { clusters: 1, kubernetes: "older" }, ({ fleet }) => {
  test("a commit becomes an object there as well, and the hub knows the version", async () => {
    await tellSpine(fleet());
    const [member] = fleet().members;
    const minor = /^v(\d+\.\d+)/.exec(member?.cluster.kubernetesVersion ?? "")?.[1];
    expect((await fleet().hub.api.cluster(member?.name ?? "")).kubernetesVersion).toContain(minor);
  });
});
