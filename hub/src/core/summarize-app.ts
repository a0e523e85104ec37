import { formatApp } from "@muster/shared/model/ids.ts";
import { isNotice } from "@muster/shared/model/problem.ts";
import type { AppFacts, PlacementFacts } from "./app-facts.ts";
import { targetRelease } from "./documents/intent.ts";
import { hasSameOptions, type Release } from "./documents/release.ts";
import { removalsInWords } from "./explain-removal.ts";
import { firstCause } from "./first-cause.ts";
import { isAhead, isCurrent, placementState } from "./fleet.ts";
import { heldRelease, shipText } from "./ship-release.ts";
import type { AppDetailView, AppView, PlacementView, ReleaseView } from "./views.ts";

const iso = (ms: number): string => new Date(ms).toISOString();

export function viewRelease(release: Release): ReleaseView {
  return {
    number: release.number,
    commit: release.input.commit,
    subject: release.input.subject,
    digest: release.bundle?.digest ?? null,
    objects: release.bundle?.objects ?? null,
    bytes: release.bundle?.bytes ?? null,
    variants: release.table?.variants ?? 1,
    cause: release.cause,
    held: release.held,
    created: iso(release.created),
  };
}

export function viewPlacement({ cluster, entry, observed }: PlacementFacts): PlacementView {
  const report = observed?.report ?? null;
  return {
    cluster: cluster.name,
    clusterState: cluster.state,
    assigned:
      entry?.content.kind === "run"
        ? {
            release: entry.content.release,
            digest: entry.content.digest,
            generation: entry.generation,
            since: iso(entry.since),
          }
        : null,
    removing: entry?.content.kind === "remove",
    isAhead: isAhead(entry, observed),
    observed:
      report === null
        ? null
        : {
            generation: report.generation,
            digest: report.digest,
            phase: report.phase,
            sync: report.sync,
            health: report.health,
            message: report.message,
            objects: report.objects,
            drift: report.drift,
            at: iso(report.at),
          },
  };
}

/** Whether this placement is one to count: wanted, or on its way out. */
const counts = ({ isPlaced, entry, observed }: PlacementFacts): boolean =>
  isPlaced || (entry !== null && entry.content.kind !== "removed") || isAhead(entry, observed);

export function summarizeApp(facts: AppFacts): AppView {
  const { stored, intent, newest } = facts;
  const target = shownTarget(facts);
  const counted = facts.placements.filter(counts);
  const states = counted.map((placement) => ({
    placement,
    state: placementState(placement.entry, placement.observed),
  }));
  const count = (wanted: (one: (typeof states)[number]) => boolean): number => states.filter(wanted).length;
  const summary = {
    clusters: counted.filter(({ isPlaced }) => isPlaced).length,
    // One that leaves is there for a while yet, and no part of what the App's clusters are counted against.
    atTarget: count(
      ({ placement, state }) => placement.removal == null && isAtTarget(placement, facts, target) && state !== "Ahead",
    ),
    healthy: count(({ state }) => state === "Healthy"),
    failed: count(({ state }) => state === "Failed" || state === "Refused" || state === "Unhealthy"),
    offline: count(({ placement }) => placement.cluster.state !== "Connected"),
    drift: counted.reduce((sum, { observed }) => sum + (observed?.report?.drift ?? 0), 0),
    ahead: count(({ state }) => state === "Ahead"),
  };
  return {
    project: facts.name.project,
    name: facts.name.name,
    uid: intent?.app.uid ?? stored?.uid ?? "",
    source: stored?.definition.spec.source.name ?? "",
    path: stored?.definition.spec.source.path ?? "",
    release: newest === null ? null : viewRelease(newest),
    target: viewTarget(facts, target),
    pin: intent?.pin
      ? {
          release: intent.pin.release,
          by: intent.pin.by,
          reason: intent.pin.reason,
          since: iso(intent.pin.since),
        }
      : null,
    deleting: intent?.deletion != null,
    summary,
    state: stateInWords(facts, summary, counted.length),
    problems: problemsOf(facts),
    notices: [...(facts.renderNotices ?? [])],
    ...causeOf({ placements: counted }),
  };
}

function viewTarget({ releases, newest }: AppFacts, target: number | null): ReleaseView | null {
  if (target === null) return null;
  const release = newest?.number === target ? newest : releases.get(target);
  return release === undefined ? null : viewRelease(release);
}

const CAUSE_CLUSTERS_MAX = 5;

function causeOf(counted: Pick<AppFacts, "placements">): Pick<AppView, "firstCause"> {
  const cause = firstCause(counted);
  if (cause === null || cause.message === "") return {};
  const clusters = cause.placements.slice(0, CAUSE_CLUSTERS_MAX).map(({ cluster }) => cluster.name);
  return { firstCause: { message: cause.message, clusters, count: cause.placements.length } };
}

export const detailApp = (facts: AppFacts): AppDetailView => ({
  ...summarizeApp(facts),
  placements: facts.placements.filter(counts).map(viewPlacement),
});

/**
 * The Release that clusters are counted against: the pinned one or the newest, and the newest from the moment it is
 * there, although the intent follows it a moment later. Otherwise the new commit would stand beside the old count.
 */
export function shownTarget({ intent, newest, held }: Pick<AppFacts, "intent" | "newest" | "held">): number | null {
  const isOwn = intent === null || intent.pin !== null || intent.deletion !== null;
  if (isOwn || held != null) return intent && targetRelease(intent);
  return Math.max(newest?.number ?? 0, targetRelease(intent) ?? 0) || null;
}

/**
 * Applied, with the very digest and generation: an assignment alone is not yet a fact. A Release that gives a cluster
 * what it has already moves nothing there.
 */
function isAtTarget(
  { entry, observed, wanted }: PlacementFacts,
  { releases, newest }: AppFacts,
  target: number | null,
): boolean {
  if (target === null || entry?.content.kind !== "run" || !isCurrent(observed?.report ?? null, entry)) return false;
  if (observed?.report?.phase !== "Applied") return false;
  if (entry.content.release === target) return true;
  const [from, to] = [releases.get(entry.content.release), newest?.number === target ? newest : releases.get(target)];
  if (from === undefined || to === undefined || !hasSameOptions(from, to)) return false;
  const namespace = entry.content.variant?.namespace ?? from.options.destination.namespace;
  if (to.bundle !== null && namespace !== to.options.destination.namespace) return false;
  return entry.content.digest === (wanted ?? to.bundle?.digest);
}

function problemsOf(facts: AppFacts): AppView["problems"] {
  if (facts.stored === null) return [];
  const source = facts.stored.definition.spec.source.name;
  if (!facts.isSourceThere) {
    const message = `There is no Source "${source}" in project ${facts.name.project}. ${whatStays(facts)}`;
    const fix = `Apply a Source named ${source}, or change spec.source.name.`;
    return [{ code: "SourceNotFound", message, where: {}, fix }, ...facts.renderProblems];
  }
  return [...facts.renderProblems, ...(facts.source?.problems ?? []).filter((problem) => !isNotice(problem))];
}

/** `storefront/shop stays at r41 on all 40 clusters.` */
export function whatStays({ name, intent, placements }: AppFacts): string {
  const target = intent === null ? null : targetRelease(intent);
  if (target === null) return `${formatApp(name)} has no Release yet; nothing runs and nothing is deleted.`;
  const clusters = placements.filter(({ entry }) => entry?.content.kind === "run").length;
  return `${formatApp(name)} stays at r${target} on ${clusters === 1 ? "its cluster" : `all ${clusters} clusters`}.`;
}

function stateInWords(facts: AppFacts, summary: AppView["summary"], counted: number): string {
  const { intent, newest } = facts;
  const leaving = removalsInWords(facts);
  if (intent?.deletion != null) {
    return [`deleting: ${counted} ${plural(counted, "cluster")} to confirm`, ...leaving].join("; ");
  }
  const target = shownTarget(facts);
  if (target === null) {
    const unverified = heldCommitInWords(facts);
    if (problemsOf(facts).length > 0) return "no release: see problems";
    return unverified === null ? "no release yet" : `no release yet; ${unverified}`;
  }
  const pinned = intent?.pin ? `pinned by ${intent.pin.by}: "${intent.pin.reason}"` : null;
  const ahead = summary.ahead > 0 ? `${summary.ahead} ahead: muster recover` : null;
  const wrong = problemsOf(facts).length > 0 ? `problems; r${target} stays` : null;
  const left = summary.clusters - summary.atTarget - summary.ahead;
  const rollout = left > 0 ? `rollout: r${target}, ${left} to go` : null;
  const failed = summary.failed > 0 ? `${summary.failed} failing` : null;
  const calm = summary.clusters === 0 ? "placed on no cluster" : `r${target} everywhere`;
  const parts = [...leaving, pinned, ahead, wrong, failed, rollout].filter((part) => part !== null);
  const newer = pinned && newest && newest.number !== target ? `Git is at r${newest.number}` : null;
  const held = heldRelease(facts.releases);
  const waits = held === null ? null : `r${held.number} is held: ${shipText(facts.name, held)}`;
  const said = parts.length === 0 ? [calm] : [...parts, ...(newer && waits === null ? [newer] : [])];
  const unverified = heldCommitInWords(facts);
  return [...said, ...(waits === null ? [] : [waits]), ...(unverified === null ? [] : [unverified])].join("; ");
}

/** `commit 4f2c9e1 is held unverified` */
function heldCommitInWords({ source }: AppFacts): string | null {
  return source?.held == null ? null : `commit ${source.held.commit.slice(0, 7)} is held unverified`;
}

export const plural = (count: number, word: string): string => (count === 1 ? word : `${word}s`);
