import { assertNever } from "@muster/shared/errors.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import { isNotice } from "@muster/shared/model/problem.ts";
import type { AppFacts, PlacementFacts } from "./app-facts.ts";
import { targetRelease } from "./documents/intent.ts";
import type { ReportDetail } from "./documents/observed.ts";
import { explainRemoval, explainRemovals } from "./explain-removal.ts";
import { firstCause, placed, tellCause } from "./first-cause.ts";
import { placementState } from "./fleet.ts";
import { heldInWords, heldRelease, shipText } from "./ship-release.ts";
import { summarizeApp, whatStays } from "./summarize-app.ts";
import type { WhyView } from "./views.ts";

/** Whose report's details tell why in full: the cluster that is asked about, or the first that fails like most. */
export function tellingPlacement(facts: AppFacts, clusterName: string | null): PlacementFacts | null {
  if (clusterName === null) return firstCause(facts)?.placements[0] ?? null;
  return facts.placements.find(({ cluster }) => cluster.name === clusterName) ?? null;
}

/**
 * Why an App is as it is: on the whole, or in one cluster. Sentences for people, and a stable reason for scripts.
 * `detail` is of `tellingPlacement`; without it the causes are told in short.
 */
export function explain(facts: AppFacts, clusterName: string | null, detail: ReportDetail | null = null): WhyView {
  const app = formatApp(facts.name);
  if (clusterName === null) return { app, cluster: null, ...explainApp(facts, detail) };
  const placement = facts.placements.find(({ cluster }) => cluster.name === clusterName);
  const told = placement === undefined ? notPlaced(facts, clusterName) : explainPlacement(facts, placement, detail);
  return { app, cluster: clusterName, ...told };
}

function notPlaced({ name, outsideProject }: AppFacts, cluster: string): Told {
  const text = `${formatApp(name)} is not placed on ${cluster}`;
  if (!outsideProject?.has(cluster)) {
    return said("NotSelected", `${text}.`, "Its selector (spec.clusters) does not match.");
  }
  const next = `An administrator can add it: spec.clusters of the Project ${name.project}.`;
  return said(
    "NotInProject",
    `${text}: its selector matches, and the cluster is not in the Project ${name.project}.`,
    next,
  );
}

type Told = Pick<WhyView, "reason" | "message" | "next">;
const said = (reason: WhyView["reason"], message: string, next: string | null = null): Told => ({
  reason,
  message,
  next,
});

function explainApp(facts: AppFacts, detail: ReportDetail | null): Told {
  const app = formatApp(facts.name);
  const view = summarizeApp(facts);
  const { summary } = view;
  const removals = explainRemovals(facts);
  if (removals !== null) return removals;
  if (view.deleting)
    return said("Removing", `${app} was deleted; ${view.state}.`, "It is gone when all have confirmed.");
  const sourceProblem = facts.isSourceThere
    ? facts.source?.problems.find((problem) => !isNotice(problem))
    : view.problems[0];
  if (facts.renderProblems[0]) {
    const { fix } = facts.renderProblems[0];
    return said(
      "RenderFailing",
      andWhatStays(placed(facts.renderProblems[0]), facts),
      fix ?? "Fix the file and push; nothing else is needed.",
    );
  }
  if (sourceProblem)
    return said("SourceFailing", andWhatStays(sourceProblem.message, facts), sourceProblem.fix ?? null);
  const target = facts.intent === null ? null : targetRelease(facts.intent);
  const unverified = facts.source?.problems.find(({ code }) => code === "CommitHeld");
  if (target === null) {
    if (unverified) return said("HeldUnverified", andWhatStays(unverified.message, facts), unverified.fix ?? null);
    return said("NoRelease", `${app} has no Release yet.`, "The first fetch of its Source makes one.");
  }
  if (view.pin) {
    const git = facts.newest && facts.newest.number !== target ? ` Git is at r${facts.newest.number}.` : "";
    return said(
      "Pinned",
      `${app} is pinned to r${target} by ${view.pin.by}: "${view.pin.reason}".${git}`,
      `It lifts when Git renders what r${target} is, or by: muster unpin ${app}`,
    );
  }
  if (summary.ahead > 0) {
    return said(
      "Ahead",
      `${summary.ahead} of ${summary.clusters} clusters hold assignments of ${app} that this hub does not remember.`,
      "muster recover, or the next commit",
    );
  }
  if (summary.failed > 0)
    return explainFailing(
      facts,
      `${app} r${target} fails on ${summary.failed} of ${summary.clusters} clusters.`,
      detail,
    );
  const runs = `${app} runs r${target} on ${summary.atTarget} of ${summary.clusters} clusters.`;
  const text = unverified === undefined ? runs : `${runs} ${unverified.message}`;
  const held = heldRelease(facts.releases);
  const reason = summary.atTarget < summary.clusters ? "Applying" : "Running";
  return held === null
    ? said(reason, text, unverified?.fix ?? null)
    : said(reason, `${text} ${heldInWords(held)}.`, shipText(facts.name, held));
}

/** A problem may already say what stays in force. */
const andWhatStays = (message: string, facts: AppFacts): string =>
  message.includes(whatStays(facts)) ? message : `${message} ${whatStays(facts)}`;

const NAMED_MAX = 3;

/** `… On 2 of them (eu-1, eu-2): Service default/shop exists, and …` */
function explainFailing(facts: AppFacts, sentence: string, detail: ReportDetail | null): Told {
  const cause = firstCause(facts);
  const told = cause === null ? null : tellCause(cause.message, detail);
  if (cause === null || told === null || told.message === "") return said("Failing", sentence);
  const names = cause.placements.map(({ cluster }) => cluster.name);
  const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : "";
  const named = `${names.slice(0, NAMED_MAX).join(", ")}${more}`;
  const look = `muster why ${formatApp(facts.name)} --cluster ${names[0]}`;
  return said("Failing", `${sentence} On ${named}: ${told.message}`, told.fix ?? look);
}

function explainPlacement(facts: AppFacts, placement: PlacementFacts, detail: ReportDetail | null): Told {
  const { cluster, entry, observed, isPlaced } = placement;
  const app = formatApp(facts.name);
  if (placement.removal) return explainRemoval(facts, cluster, placement.removal);
  const state = placementState(entry, observed);
  const report = observed?.report ?? null;
  const target = facts.intent === null ? null : targetRelease(facts.intent);
  const offline = explainAbsence(facts, placement);
  const cause = tellCause(report?.message ?? "", detail);
  switch (state) {
    case "Ahead": {
      const held = observed?.ahead;
      const mark = held ? `generation ${held.generation} of epoch ${held.epoch.number}` : "an assignment";
      const text = `${cluster.name} holds ${mark} of ${app}, which this hub does not remember giving: it keeps what it runs.`;
      return said("Ahead", text, `muster recover --reason …, or the next commit that changes ${app}`);
    }
    case "Unassigned":
      if (!isPlaced) return notPlaced(facts, cluster.name);
      if (offline && target !== null) return offline;
      return said(
        "NoRelease",
        `${app} has no Release yet, so ${cluster.name} has nothing to run.`,
        whyNoRelease(facts),
      );
    case "Removing":
      return (
        offline ??
        said("Removing", `${app} is leaving ${cluster.name}.`, "It is gone when the agent confirms the tombstone.")
      );
    case "NotYetReported":
      return (
        offline ?? said("NotYetReported", `${cluster.name} was assigned r${target} and has not reported on it yet.`)
      );
    case "Refused":
      return said("Refused", `${cluster.name} refused its assignment: ${cause.message}`, cause.fix);
    case "Failed":
      return said("Failing", `${cluster.name}: ${cause.message}`, cause.fix ?? "The agent keeps trying.");
    case "Unhealthy":
      return said("Failing", `${cluster.name} runs r${target} and is ${report?.health}: ${cause.message}`, cause.fix);
    case "Applying":
      return offline ?? said("Applying", `${cluster.name} is applying r${target}: ${report?.message || report?.phase}`);
    case "Healthy": {
      const drift = report?.drift ? `${report.drift} fields drifted` : "no drift";
      const text = `${cluster.name} runs ${app} r${releaseOf(placement)} since ${isoOf(entry?.since)}: Healthy, ${drift}.${report?.message ? ` ${report.message}` : ""}`;
      const pinned = facts.intent?.pin;
      return pinned
        ? said("Pinned", `${text} It is pinned by ${pinned.by}: "${pinned.reason}".`, `muster unpin ${app}`)
        : said("Running", text);
    }
    default:
      return assertNever(state);
  }
}

const releaseOf = ({ entry }: PlacementFacts): string =>
  entry?.content.kind === "run" ? String(entry.content.release) : "-";
const isoOf = (ms: number | undefined): string => (ms === undefined ? "-" : new Date(ms).toISOString());

function explainAbsence(facts: AppFacts, { cluster }: PlacementFacts): Told | null {
  if (cluster.state === "Registered") {
    const next = `Install its agent: muster cluster register ${cluster.name}`;
    return said("ClusterNotJoined", `${cluster.name} is registered, and no agent has joined yet.`, next);
  }
  if (cluster.state === "Connected") return null;
  const text = `${cluster.name} is not connected. Its agent holds what it was last assigned of ${formatApp(facts.name)}.`;
  return said("ClusterOffline", text, "It gets the difference when it connects.");
}

function whyNoRelease(facts: AppFacts): string | null {
  const [problem] = facts.renderProblems;
  return problem !== undefined ? placed(problem) : whySourceFails(facts);
}

function whySourceFails({ source }: AppFacts): string | null {
  const problems = source?.problems ?? [];
  return (
    (problems.find((problem) => !isNotice(problem)) ?? problems.find(({ code }) => code === "CommitHeld"))?.message ??
    null
  );
}
