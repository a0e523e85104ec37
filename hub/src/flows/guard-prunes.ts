import type { Log } from "@muster/shared/log.ts";
import { type AppUid, type ClusterId, formatApp } from "@muster/shared/model/ids.ts";
import { APPROVAL_NAMES_MAX, type Approval, pruneKey } from "../core/documents/approval.ts";
import { stageOf } from "../core/documents/intent.ts";
import type { Release } from "../core/documents/release.ts";
import type { HeldRelease } from "../core/explain-removal.ts";
import type { Blobs } from "../ports/store.ts";
import type { RemovalBrake } from "./brake-removals.ts";
import { compareBundles, type Dropped } from "./bundle-refs.ts";
import type { HubState } from "./hub-state.ts";
import type { ApprovalBook } from "./keep-approvals.ts";
import type { ReleaseContents } from "./render/release-contents.ts";
import { toVariantCluster } from "./render/variant-clusters.ts";

/** Different bundles that are compared for one Release; where there are more, the agents' own count stands alone. */
const COMPARISONS_MAX = 200;

export interface PruneGuard {
  /** Looks at an App's newest Release: whether it may be rolled out, and asks a person if it drops too much. */
  look(app: AppUid): Promise<void>;
  /** The newest Release that may be rolled out, as far as it was looked at. */
  newestAdmitted(app: AppUid): Release | null;
  /** The newest one, while it waits. */
  held(app: AppUid): HeldRelease | null;
  /** By whose approval a Release may drop more than agents delete unasked. */
  approvalOf(app: AppUid, release: number): string | null;
}

/** What some clusters run. */
interface Running {
  readonly side: Parameters<typeof compareBundles>[1];
  readonly clusters: ClusterId[];
}

/**
 * Release → may it be rolled out? One that drops more objects from a bundle than may go unasked is held until a person
 * approves; what runs stays, and the next Release is looked at for itself.
 */
export function guardPrunes(deps: {
  readonly state: HubState;
  readonly blobs: Pick<Blobs, "get">;
  readonly brake: Pick<RemovalBrake, "objectsMax">;
  readonly approvals: ApprovalBook;
  readonly contents: Pick<ReleaseContents, "of">;
  readonly log: Log;
}): PruneGuard {
  const { state, brake, approvals, log } = deps;
  const looked = new Map<AppUid, { release: number; key: string; reason: string | null }>();

  const approvalsOf = (app: AppUid): Approval[] =>
    [...state.approvals.values()].filter(({ kind, apps }) => kind === "prune" && apps[0]?.uid === app);
  const approvalOf = (app: AppUid, release: number): Approval | undefined => {
    const key = pruneKey(app, release);
    const all = approvalsOf(app).filter((one) => one.key === key && one.state !== "withdrawn");
    return all.sort((one, other) => other.created - one.created)[0];
  };
  const isGranted = (approval: Approval | undefined): boolean =>
    approval?.state === "granted" || approval?.state === "used";

  /** The newest Release, if it is not in the intent yet. */
  function candidate(app: AppUid): Release | null {
    const newest = state.newestShipped(app);
    const intent = state.intents.get(app);
    if (newest === null || intent === null || intent.deletion !== null) return null;
    return newest.number > (stageOf(intent).candidate ?? 0) ? newest : null;
  }

  /** What clusters run now, each kind once, with how many there are of it. */
  function running(app: AppUid): Map<string, Running> {
    const kinds = new Map<string, Running>();
    for (const [cluster, { content }] of state.entriesOf(app)) {
      const release = content.kind === "run" ? state.releasesOf(app).get(content.release) : undefined;
      if (content.kind !== "run" || release === undefined) continue;
      const { digest, variant } = content;
      const namespace = variant?.namespace ?? release.options.destination.namespace;
      const key = `${digest} ${namespace}`;
      const objects = variant?.objects ?? release.bundle?.objects ?? 0;
      const kind = kinds.get(key) ?? { side: { digest, objects, namespace }, clusters: [] };
      kind.clusters.push(cluster);
      kinds.set(key, kind);
    }
    return kinds;
  }

  async function look(app: AppUid): Promise<void> {
    const next = candidate(app);
    await closeOthers(app, next);
    if (next === null) return void looked.delete(app);
    const kinds = running(app);
    const key = `${next.number} ${[...kinds.keys()].sort().join()}`;
    if (looked.get(app)?.key === key) return;
    const worst = next.options.sync.prune ? await compare(next, kinds) : null;
    const clusters = [...kinds.values()].flatMap((kind) => kind.clusters);
    if (worst === null) {
      looked.set(app, { release: next.number, key, reason: null });
      return;
    }
    const { dropped, of } = worst;
    const objectsMax = brake.objectsMax(of);
    const reason = `r${next.number} drops ${dropped} of ${of} objects, and more than ${objectsMax} need a person's approval`;
    looked.set(app, { release: next.number, key, reason });
    if (approvalOf(app, next.number) !== undefined) return;
    const names = clusters
      .map((id) => state.clusters.get(id)?.name ?? id)
      .sort()
      .slice(0, APPROVAL_NAMES_MAX);
    const { project, name } = state.intents.get(app)?.app ?? { project: "default", name: app };
    await approvals.ask({
      kind: "prune",
      key: pruneKey(app, next.number),
      what: `r${next.number} of ${formatApp({ project, name })} would delete ${dropped} of ${of} objects on ${clusters.length === 1 ? "1 cluster" : `${clusters.length} clusters`}`,
      why: `${next.cause.detail || "A commit"}: what its bundle no longer holds is deleted. More than ${objectsMax} objects at once need a person's approval.`,
      askedBy: next.input.author.slice(0, 300) || null,
      pairs: clusters.length,
      objects: dropped * clusters.length,
      apps: [{ uid: app, project, name, pairs: clusters.length, objects: dropped * clusters.length, clusters: names }],
      release: next.number,
    });
    log.warn({ app: formatApp({ project, name }), release: next.number, dropped, of }, "release waits for approval");
  }

  /** The largest drop beyond what may go unasked; null: there is none. */
  async function compare(next: Release, kinds: ReadonlyMap<string, Running>): Promise<Dropped | null> {
    const clusters = [...kinds.values()].flatMap((kind) => kind.clusters);
    const records = clusters.flatMap((id) => state.clusters.get(id) ?? []);
    const contents = await deps.contents.of(
      next,
      records.map((record) => toVariantCluster(state, record)),
    );
    const pairs = new Map<string, { from: Running["side"]; to: Running["side"] }>();
    for (const [key, { side, clusters }] of kinds) {
      for (const cluster of clusters) {
        const content = contents.get(cluster);
        if (content?.kind !== "rendered") continue;
        const { bundle, namespace } = content;
        pairs.set(`${key} ${bundle.digest} ${namespace}`, { from: side, to: { ...bundle, namespace } });
      }
    }
    let worst: Dropped | null = null;
    for (const { from, to } of [...pairs.values()].slice(0, COMPARISONS_MAX)) {
      const found = await compareBundles(deps.blobs, from, to);
      if (found.dropped > brake.objectsMax(found.of) && found.dropped > (worst?.dropped ?? 0)) worst = found;
    }
    return worst;
  }

  /** Approvals of Releases that a newer one overtook, or that are rolled out. */
  async function closeOthers(app: AppUid, next: Release | null): Promise<void> {
    for (const { id, state: as, closed, release } of approvalsOf(app)) {
      if (closed !== null || release === next?.number) continue;
      if (as === "granted") await approvals.close({ id, as: "used", reason: "The Release is rolled out." });
      else if (as === "denied") await approvals.close({ id, as: "denied", reason: "Another Release took its place." });
      else await approvals.close({ id, as: "withdrawn", reason: "Another Release took its place." });
    }
  }

  function held(app: AppUid): HeldRelease | null {
    const found = looked.get(app);
    if (found === undefined || found.reason === null || found.release !== candidate(app)?.number) return null;
    const approval = approvalOf(app, found.release);
    if (isGranted(approval)) return null;
    return {
      release: found.release,
      approval: approval?.id ?? null,
      isDenied: approval?.state === "denied",
      reason: found.reason,
    };
  }

  return {
    look,
    held,
    newestAdmitted(app) {
      const next = candidate(app);
      const found = looked.get(app);
      const isLookedAt = next === null || found?.release === next.number;
      if (isLookedAt && held(app) === null) return state.newestShipped(app);
      const intent = state.intents.get(app);
      return intent === null ? null : (state.releasesOf(app).get(stageOf(intent).candidate ?? 0) ?? null);
    },
    approvalOf(app, release) {
      const approval = approvalOf(app, release);
      return isGranted(approval) ? (approval?.id ?? null) : null;
    },
  };
}
