import { isNotice } from "@muster/shared/model/problem.ts";
import type { Schemas } from "../api/client.ts";
import { toneOf } from "./paint.ts";
import { oneLine } from "./printable.ts";
import type { Cell } from "./table.ts";
import { age, relativeTime } from "./time.ts";
import type { FieldColumn } from "./write-output.ts";

/** The columns in which each noun is shown. `now` is for relative times. */

const stateCell = (state: string): Cell => ({ text: state, tone: toneOf(state) });
const countCell = (count: number, tone: "bad" | "busy" | null): Cell => ({
  text: String(count),
  tone: count > 0 ? tone : null,
});
/** What is only worth knowing is counted, and is no alarm. */
const problemsCell = (problems: readonly Schemas["Problem"][]): Cell =>
  countCell(problems.length, problems.every(isNotice) ? "busy" : "bad");
const labelsText = (labels: Record<string, string>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
const commitText = (commit: string, subject: string): string => `${commit.slice(0, 7)} ${oneLine(subject)}`;

export const clusterColumns = (now: number): readonly FieldColumn<Schemas["Cluster"]>[] => [
  { title: "CLUSTER", cell: (it) => it.name },
  { title: "STATE", cell: (it) => stateCell(it.state) },
  { title: "APPS", align: "right", cell: (it) => it.apps.total },
  { title: "HEALTHY", align: "right", cell: (it) => it.apps.healthy },
  { title: "FAILED", align: "right", cell: (it) => countCell(it.apps.failed, "bad") },
  { title: "AHEAD", dropOrder: 3, align: "right", cell: (it) => countCell(it.apps.ahead, "busy") },
  { title: "LAST SEEN", cell: (it) => relativeTime(it.lastSeen, now) },
  { title: "KUBERNETES", dropOrder: 2, cell: (it) => it.kubernetesVersion ?? "-" },
  { title: "LABELS", widthMin: 12, dropOrder: 1, cell: (it) => labelsText(it.labels) },
  { title: "AGENT", isWide: true, cell: (it) => it.agentVersion ?? "-" },
  { title: "CERTIFICATE ENDS", isWide: true, cell: (it) => relativeTime(it.certificateExpires, now) },
  { title: "CLOCK SKEW", isWide: true, cell: (it) => (it.clockSkewMs === null ? "-" : `${it.clockSkewMs} ms`) },
  { title: "REGISTERED", isWide: true, cell: (it) => relativeTime(it.registered, now) },
  { title: "ID", isWide: true, cell: (it) => it.id },
];

export const sourceColumns = (now: number): readonly FieldColumn<Schemas["Source"]>[] => [
  { title: "SOURCE", cell: (it) => `${it.project}/${it.name}` },
  { title: "STATE", cell: (it) => stateCell(it.state) },
  { title: "BRANCH", widthMin: 6, cell: (it) => it.branch },
  {
    title: "COMMIT",
    widthMin: 14,
    cell: (it) => (it.revision === null ? "-" : commitText(it.revision.commit, it.revision.subject)),
  },
  { title: "CHECKED", cell: (it) => relativeTime(it.lastChecked, now) },
  {
    title: "PROBLEMS",
    align: "right",
    cell: (it) => problemsCell([...it.problems, ...(it.definitions?.problems ?? [])]),
  },
  { title: "URL", isWide: true, cell: (it) => it.url },
  { title: "AUTHOR", isWide: true, cell: (it) => it.revision?.author ?? "-" },
];

export const appColumns = (_now: number): readonly FieldColumn<Schemas["App"]>[] => [
  { title: "APP", cell: (it) => `${it.project}/${it.name}` },
  { title: "RELEASE", align: "right", cell: (it) => releaseText(it) },
  {
    title: "COMMIT",
    widthMin: 14,
    cell: (it) => targetText(it),
  },
  { title: "AT RELEASE", align: "right", cell: (it) => atRelease(it.summary) },
  { title: "HEALTHY", align: "right", cell: (it) => it.summary.healthy },
  { title: "FAILED", align: "right", cell: (it) => countCell(it.summary.failed, "bad") },
  { title: "OFFLINE", dropOrder: 2, align: "right", cell: (it) => countCell(it.summary.offline, "busy") },
  { title: "DRIFT", dropOrder: 1, align: "right", cell: (it) => countCell(it.summary.drift, "busy") },
  { title: "STATE", widthMin: 20, cell: (it) => ({ text: it.state, tone: appTone(it) }) },
  { title: "SOURCE", isWide: true, cell: (it) => `${it.source}:${it.path}` },
  { title: "UID", isWide: true, cell: (it) => it.uid },
];

/** What the clusters should run: the pinned Release, or Git's newest. */
const releaseText = (app: Schemas["App"]): string => {
  if (app.pin !== null) return `r${app.pin.release}`;
  return app.release === null ? "-" : `r${app.release.number}`;
};

/** The commit of that very Release; a pinned one that is no longer listed has none to show. */
const targetText = ({ target, release, pin }: Schemas["App"]): string => {
  const shown = target ?? (pin === null || pin.release === release?.number ? release : null);
  return shown === null ? "-" : commitText(shown.commit, shown.subject);
};

const atRelease = ({ atTarget, clusters }: Schemas["App"]["summary"]): Cell => ({
  text: `${atTarget}/${clusters}`,
  tone: atTarget === clusters && clusters > 0 ? "good" : "busy",
});

function appTone({ summary, problems, pin, deleting }: Schemas["App"]): "good" | "busy" | "bad" {
  if (problems.length > 0 || summary.failed > 0) return "bad";
  const isCalm = summary.clusters > 0 && summary.atTarget === summary.clusters && summary.ahead === 0;
  return isCalm && pin === null && !deleting ? "good" : "busy";
}

export const releaseColumns = (now: number): readonly FieldColumn<Schemas["Release"]>[] => [
  { title: "RELEASE", align: "right", cell: (it) => `r${it.number}` },
  { title: "COMMIT", widthMin: 14, cell: (it) => commitText(it.commit, it.subject) },
  { title: "VARIANTS", dropOrder: 1, align: "right", cell: (it) => it.variants },
  { title: "OBJECTS", align: "right", cell: (it) => it.objects ?? "-" },
  { title: "CAUSE", cell: (it) => it.cause.kind },
  { title: "STATE", cell: (it) => (it.held ? { text: "held", tone: "busy" } : "") },
  { title: "AGE", align: "right", cell: (it) => age(it.created, now) },
  { title: "BECAUSE", isWide: true, cell: (it) => it.cause.detail },
  { title: "BYTES", isWide: true, align: "right", cell: (it) => it.bytes ?? "-" },
  { title: "DIGEST", isWide: true, cell: (it) => it.digest ?? "-" },
];

export const placementColumns = (now: number): readonly FieldColumn<Schemas["Placement"]>[] => [
  { title: "CLUSTER", cell: (it) => it.cluster },
  { title: "RELEASE", align: "right", cell: (it) => (it.assigned === null ? "-" : `r${it.assigned.release}`) },
  {
    title: "PHASE",
    cell: (it) => stateCell(it.removing ? "Removing" : it.isAhead ? "Ahead" : (it.observed?.phase ?? "-")),
  },
  { title: "SYNC", cell: (it) => stateCell(it.observed?.sync ?? "-") },
  { title: "HEALTH", cell: (it) => stateCell(it.observed?.health ?? "-") },
  { title: "OBJECTS", align: "right", cell: (it) => it.observed?.objects ?? "-" },
  { title: "DRIFT", align: "right", cell: (it) => countCell(it.observed?.drift ?? 0, "busy") },
  { title: "SINCE", cell: (it) => relativeTime(it.assigned?.since ?? null, now) },
  {
    title: "MESSAGE",
    widthMin: 12,
    cell: (it) => (it.clusterState === "Connected" ? "" : `(${it.clusterState}) `) + (it.observed?.message ?? ""),
  },
  { title: "GENERATION", isWide: true, align: "right", cell: (it) => it.assigned?.generation ?? "-" },
  { title: "DIGEST", isWide: true, cell: (it) => it.assigned?.digest ?? "-" },
];

export const approvalColumns = (now: number): readonly FieldColumn<Schemas["Approval"]>[] => [
  { title: "APPROVAL", cell: (it) => it.id },
  { title: "STATE", cell: (it) => stateCell(it.state) },
  { title: "WHAT", widthMin: 30, cell: (it) => it.what },
  { title: "BY", dropOrder: 1, cell: (it) => it.askedBy ?? "-" },
  { title: "AGE", align: "right", cell: (it) => age(it.created, now) },
  { title: "PLACEMENTS", isWide: true, align: "right", cell: (it) => it.pairs },
  { title: "OBJECTS", isWide: true, align: "right", cell: (it) => it.objects },
  { title: "DECIDED BY", isWide: true, cell: (it) => it.decided?.by ?? "-" },
  { title: "WHY", isWide: true, cell: (it) => it.why },
];

export const appSetColumns: readonly FieldColumn<Schemas["AppSet"]>[] = [
  { title: "APPSET", cell: (it) => `${it.project}/${it.name}` },
  { title: "APPS", align: "right", cell: (it) => it.apps },
  { title: "ONE FOR EACH OF", widthMin: 20, cell: (it) => it.generator },
  { title: "PROBLEMS", align: "right", cell: (it) => countCell(it.problems.length, "bad") },
  { title: "STATE", cell: (it) => (it.deleting ? { text: "deleting", tone: "busy" } : "") },
  { title: "OWNER", dropOrder: 1, cell: (it) => it.owner },
];

export const projectColumns: readonly FieldColumn<Schemas["Project"]>[] = [
  { title: "PROJECT", cell: (it) => it.name },
  { title: "SOURCES", align: "right", cell: (it) => it.sources },
  { title: "APPS", align: "right", cell: (it) => it.apps },
  { title: "APPSETS", align: "right", cell: (it) => it.appSets },
  { title: "STATE", cell: (it) => (it.suspended ? { text: "suspended", tone: "busy" } : "") },
  { title: "OWNER", dropOrder: 1, cell: (it) => it.owner },
];
