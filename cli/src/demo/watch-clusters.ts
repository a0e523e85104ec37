import { answered } from "../api/client.ts";
import { SHOP } from "./shop-manifests.ts";
import type { StageCluster } from "./stage.ts";
import { type DemoFleet, liveShop } from "./story.ts";

/** Each cluster as the hub tells of it and as it is: an answer that is not there yet is a dash. */
export async function lookAtClusters({ hub, clusters }: DemoFleet): Promise<readonly StageCluster[]> {
  const [known, app] = await Promise.all([
    answered(hub.api.GET("/v1/clusters")).then(
      ({ items }) => items,
      () => [],
    ),
    answered(
      hub.api.GET("/v1/projects/{project}/apps/{name}", {
        params: { path: { project: SHOP.project, name: SHOP.app } },
      }),
    ).catch(() => null),
  ]);
  return Promise.all(
    clusters.map(async (cluster) => {
      const placement = app?.placements.find((one) => one.cluster === cluster.name);
      const live = await liveShop(cluster).catch(() => null);
      return {
        name: cluster.name,
        state: known.find((one) => one.name === cluster.name)?.state ?? "-",
        release: placement?.assigned ? `r${placement.assigned.release}` : "-",
        sync: placement?.observed?.sync ?? "-",
        health: placement?.observed?.health ?? "-",
        image: live?.image ?? "-",
        replicas: live === null ? "-" : `${live.ready}/${live.replicas}`,
      };
    }),
  );
}
