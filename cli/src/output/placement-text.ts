import type { Schemas } from "../api/client.ts";
import { toneOf } from "./paint.ts";
import { oneLine } from "./printable.ts";
import { problemText } from "./problem-text.ts";
import type { Terminal } from "./terminal.ts";
import { relativeTime } from "./time.ts";
import { placementColumns } from "./views.ts";
import { type FieldColumn, type OutputFormat, tableOf } from "./write-output.ts";

type Detail = Schemas["PlacementDetail"];

/** One App in one cluster: where it stands, its objects, what drifted and was healed, and what is wrong. */
export function placementText(terminal: Terminal, detail: Detail, format: OutputFormat): string {
  const now = terminal.now();
  const objects = detail.objects.length === 0 ? [] : [tableOf(terminal, format, objectColumns, detail.objects)];
  const drift = driftText(terminal, [detail]);
  const problems = detail.problems.map((problem) => `${terminal.paint("bad", "✗")} ${problemText(problem)}\n`);
  return [
    tableOf(terminal, format, placementColumns(now), [detail]),
    ...objects,
    ...(drift === "" ? ["No recent drift.\n"] : [drift]),
    ...problems,
  ].join("\n");
}

/** What drifted of late, newest first: `eu-1: Deployment default/shop spec.replicas 3 → 5 by kubectl-edit, healed 2 m ago`. */
export function driftText(
  { paint, now }: Pick<Terminal, "paint" | "now">,
  details: readonly Pick<Detail, "cluster" | "drift">[],
): string {
  const told = details.flatMap(({ cluster, drift }) => drift.map((record) => ({ cluster, record })));
  if (told.length === 0) return "";
  told.sort((a, b) => (b.record.healedAt ?? b.record.at) - (a.record.healedAt ?? a.record.at));
  const ago = (ms: number): string => relativeTime(new Date(ms).toISOString(), now());
  const lines = told.slice(0, SHOWN_MAX).map(({ cluster, record }) => {
    const by = record.manager === undefined ? "" : ` by ${record.manager}`;
    const what = `${cluster}: ${objectText(record.object)} ${record.field}: ${record.expected} → ${record.found}${by}`;
    const state =
      record.healedAt === null
        ? paint("busy", `not healed, seen ${ago(record.at)}`)
        : paint("good", `healed ${ago(record.healedAt)}`);
    return `  ${oneLine(what)}, ${state}\n`;
  });
  const more = told.length > SHOWN_MAX ? `  and ${told.length - SHOWN_MAX} more\n` : "";
  return `Recent drift (Git says → was found):\n${lines.join("")}${more}`;
}

const SHOWN_MAX = 20;

const objectText = ({ kind, namespace, name }: Detail["objects"][number]["ref"]): string =>
  namespace ? `${kind} ${namespace}/${name}` : `${kind} ${name}`;

const objectColumns: readonly FieldColumn<Detail["objects"][number]>[] = [
  { title: "OBJECT", cell: (it) => objectText(it.ref) },
  { title: "SYNC", cell: (it) => ({ text: it.sync, tone: toneOf(it.sync) }) },
  { title: "HEALTH", cell: (it) => ({ text: it.health, tone: toneOf(it.health) }) },
  { title: "MESSAGE", widthMin: 12, cell: (it) => it.message },
];
