import type { Paint } from "../output/paint.ts";
import { toneOf } from "../output/paint.ts";
import { oneLine, printable } from "../output/printable.ts";
import { formatTable } from "../output/table.ts";
import { tookText } from "../output/time.ts";

/** One step of the story, as far as it has come. */
export interface StageStep {
  readonly title: string;
  readonly state: "waiting" | "running" | "done" | "failed";
  /** What is going on, or what came of it. */
  readonly detail: string;
  /** When it began, and how long it took once it is over. */
  readonly startedAt: number | null;
  readonly tookMs: number | null;
}

/** One cluster as it is right now: the first four from the hub, the rest from the live object in the cluster. */
export interface StageCluster {
  readonly name: string;
  readonly state: string;
  readonly release: string;
  readonly sync: string;
  readonly health: string;
  readonly image: string;
  readonly replicas: string;
}

export interface Stage {
  readonly steps: readonly StageStep[];
  readonly clusters: readonly StageCluster[];
  /** The hub's own words about what is wrong in Git, or "". */
  readonly problem: string;
  /** The last line: what to do now. */
  readonly footer: string;
}

export interface StageStyle {
  readonly paint: Paint;
  readonly width: number | null;
  readonly now: number;
}

const MARKS = {
  waiting: ["quiet", "○"],
  running: ["busy", "●"],
  done: ["good", "✓"],
  failed: ["bad", "✗"],
} as const;

export const DEMO_TITLE = "Muster demo";
export const DEMO_SUBTITLE =
  "a real hub, three agents with clusters in memory, one Git repository; all on this machine";

/** Everything the terminal shows at one moment. */
export function stageText(stage: Stage, style: StageStyle): string {
  const { paint } = style;
  const heading = `${paint("title", DEMO_TITLE)}  ${paint("quiet", DEMO_SUBTITLE)}`;
  const steps = stage.steps.map((step) => stepText(step, style)).join("\n");
  const problem = stage.problem === "" ? "" : `\n${indented(printable(stage.problem), `${paint("bad", "│")} `)}\n`;
  const footer = stage.footer === "" ? "" : `\n${stage.footer}\n`;
  return `\n${heading}\n\n${steps}\n\n${clusterTable(stage.clusters, style)}${problem}${footer}`;
}

/** `  ✓ Three clusters join            812 ms  each with a key of its own` */
export function stepText(step: StageStep, { paint, width, now }: StageStyle): string {
  const [tone, mark] = MARKS[step.state];
  const elapsed = step.tookMs ?? (step.startedAt === null ? null : now - step.startedAt);
  const took = (elapsed === null ? "" : tookText(elapsed)).padStart(7);
  const title = step.title.padEnd(TITLE_WIDTH);
  const room = width === null ? Number.POSITIVE_INFINITY : width - TITLE_WIDTH - 15;
  const text = oneLine(step.detail);
  const detail = text.length > room ? `${text.slice(0, Math.max(0, room - 1))}…` : text;
  const shownTitle = step.state === "waiting" ? paint("quiet", title) : paint("strong", title);
  return `  ${paint(tone, mark)} ${shownTitle} ${paint("quiet", took)}  ${detail}`.trimEnd();
}

const TITLE_WIDTH = 32;

export function clusterTable(clusters: readonly StageCluster[], { paint, width }: StageStyle): string {
  const columns = [
    { title: "CLUSTER" },
    { title: "STATE" },
    { title: "RELEASE" },
    { title: "SYNC" },
    { title: "HEALTH" },
    { title: "LIVE IMAGE", widthMin: 8 },
    { title: "READY", align: "right" },
  ] as const;
  const word = (text: string) => ({ text, tone: toneOf(text) });
  const rows = clusters.map((cluster) => [
    cluster.name,
    word(cluster.state),
    cluster.release,
    word(cluster.sync),
    word(cluster.health),
    cluster.image,
    cluster.replicas,
  ]);
  return indented(formatTable(columns, rows, { width: width === null ? null : width - 2, paint }).trimEnd(), "").concat(
    "\n",
  );
}

const indented = (text: string, bar: string): string => text.replace(/^/gm, `  ${bar}`);
