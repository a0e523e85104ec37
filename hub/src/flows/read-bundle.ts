import { AppError } from "@muster/shared/errors.ts";
import { type Digest, formatApp } from "@muster/shared/model/ids.ts";
import type { AppFacts } from "../core/app-facts.ts";
import type { Release } from "../core/documents/release.ts";
import { shownTarget } from "../core/summarize-app.ts";
import type { ReleasedBundle } from "../ports/hub-commands.ts";
import type { Blobs } from "../ports/store.ts";
import type { HubState } from "./hub-state.ts";
import type { ReleaseContents } from "./render/release-contents.ts";
import { toVariantCluster } from "./render/variant-clusters.ts";

/** Finds the very bytes that a cluster gets, or got, of an App. Nothing is unpacked here. */
export interface BundleReader {
  /**
   * `release` null: what is assigned to the cluster now; without a cluster what all of them are to run.
   * @throws AppError "not-found" (no such Release, or nothing of it for this cluster), "invalid" (clusters differ, and
   * none is named).
   */
  read(facts: AppFacts, wanted: { release: number | null; cluster: string | null }): Promise<ReleasedBundle>;
}

interface Found {
  readonly release: number;
  readonly digest: Digest;
  readonly namespace: string;
}

export function createBundleReader(deps: {
  readonly state: HubState;
  readonly contents: Pick<ReleaseContents, "of">;
  readonly blobs: Pick<Blobs, "get">;
}): BundleReader {
  const { state } = deps;

  function assignedTo(facts: AppFacts, cluster: string): Found {
    const placement = facts.placements.find((one) => one.cluster.name === cluster);
    const content = placement?.entry?.content;
    if (content?.kind !== "run") {
      throw new AppError("not-found", `${formatApp(facts.name)} runs nothing on ${cluster}.`, {
        fix: `See why: muster why ${formatApp(facts.name)} --cluster ${cluster}`,
      });
    }
    const { release, digest, variant } = content;
    const namespace = variant?.namespace ?? facts.releases.get(release)?.options.destination.namespace ?? "";
    return { release, digest, namespace };
  }

  async function inRelease(facts: AppFacts, release: Release, cluster: string | null): Promise<Found> {
    const title = `r${release.number} of ${formatApp(facts.name)}`;
    if (release.bundle !== null) {
      const { digest } = release.bundle;
      return { release: release.number, digest, namespace: release.options.destination.namespace };
    }
    if (cluster === null) {
      throw new AppError("invalid", `${title} differs from cluster to cluster.`, { fix: "Name a cluster." });
    }
    const record = state.clusterByName(cluster);
    if (record === null) {
      throw new AppError("not-found", `There is no cluster ${cluster}.`, { fix: "See: muster cluster list" });
    }
    const content = (await deps.contents.of(release, [toVariantCluster(state, record)])).get(record.id);
    if (content?.kind !== "rendered") {
      const message = `${title} was never rendered for ${cluster}.`;
      throw new AppError("not-found", message, { fix: "It is when the cluster is to run it." });
    }
    return { release: release.number, digest: content.bundle.digest, namespace: content.namespace };
  }

  function releaseOf(facts: AppFacts, wanted: number | null): Release {
    const number = wanted ?? shownTarget(facts);
    const release = number === null ? undefined : facts.releases.get(number);
    if (release !== undefined) return release;
    const app = formatApp(facts.name);
    const what = number === null ? "has no Release yet" : `has no Release r${number}, or none that is kept`;
    throw new AppError("not-found", `${app} ${what}.`, { fix: `See what there is: muster app history ${app}` });
  }

  return {
    async read(facts, { release, cluster }) {
      const found =
        release === null && cluster !== null
          ? assignedTo(facts, cluster)
          : await inRelease(facts, releaseOf(facts, release), cluster);
      const compressed = await deps.blobs.get(found.digest);
      if (compressed !== null) return { ...found, compressed };
      throw new AppError("not-found", `The bundle of r${found.release} is not kept any more.`);
    },
  };
}
