import { isNotice } from "@muster/shared/model/problem.ts";
import type { Schemas } from "../api/client.ts";
import { oneLine, printable } from "./printable.ts";
import { problemText } from "./problem-text.ts";
import type { Terminal } from "./terminal.ts";
import { relativeTime } from "./time.ts";
import { appColumns } from "./views.ts";
import { type OutputFormat, tableOf } from "./write-output.ts";

/** The fleet at a glance: one line for hub and clusters, the Apps, and everything that is wrong, with what to do. */
export function statusText(
  terminal: Pick<Terminal, "width" | "paint" | "now">,
  status: Schemas["Status"],
  format: OutputFormat,
): string {
  const now = terminal.now();
  const apps =
    status.apps.length === 0
      ? `No Apps yet. Define one and run: muster apply -f FILE\n`
      : tableOf(terminal, format, appColumns(now), status.apps);
  const problems = problemLines(terminal, status);
  return [headline(terminal, status), apps, ...(problems.length === 0 ? [] : [`${problems.join("\n\n")}\n`])].join(
    "\n",
  );
}

function headline({ paint }: Pick<Terminal, "paint">, { clusters, sources }: Schemas["Status"]): string {
  const count = (state: Schemas["Cluster"]["state"]) => clusters.filter((cluster) => cluster.state === state).length;
  const connected = count("Connected");
  const parts = [
    paint(connected === clusters.length ? "good" : "busy", `${connected}/${clusters.length} clusters connected`),
    ...(count("Registered") > 0 ? [`${count("Registered")} not joined yet`] : []),
    ...sources.map((source) => {
      const name = oneLine(`${source.project}/${source.name}`);
      const held = source.held === null ? "" : `${oneLine(source.held.commit).slice(0, 7)} is held`;
      if (source.revision === null) {
        const none = source.state === "Held" ? paint("busy", held) : "no commit yet";
        return `${name}: ${source.state === "Failing" ? paint("bad", "failing") : none}`;
      }
      const revision = `${name} at ${source.revision.commit.slice(0, 7)}`;
      if (source.state === "Held") return `${revision} ${paint("busy", `(${held})`)}`;
      return source.state === "Failing" ? `${revision} ${paint("bad", "(failing)")}` : revision;
    }),
  ];
  const shown = parts.length > 5 ? [...parts.slice(0, 5), `${parts.length - 5} more sources`] : parts;
  return `${shown.join(paint("quiet", " · "))}\n`;
}

/** Each problem once, although a Source's problem is one of all its Apps. */
function problemLines({ paint, now }: Pick<Terminal, "paint" | "now">, status: Schemas["Status"]): string[] {
  const told = new Map<string, string[]>();
  const notices = new Set<string>();
  const tell = (who: string, problem: Schemas["Problem"]) => {
    const text = problemText(problem);
    if (isNotice(problem)) notices.add(text);
    told.set(text, [...(told.get(text) ?? []), who]);
  };
  for (const source of status.sources) {
    for (const problem of source.problems) tell(`Source ${source.project}/${source.name}`, problem);
  }
  for (const app of status.apps) {
    for (const problem of [...app.problems, ...(app.notices ?? [])]) tell(`${app.project}/${app.name}`, problem);
  }
  const problems = [...told].map(([text, who]) => {
    const names = who.length > 3 ? `${who.slice(0, 3).join(", ")} and ${who.length - 3} more` : who.join(", ");
    const sign = notices.has(text) ? paint("busy", "!") : paint("bad", "✗");
    return `${sign} ${paint("strong", oneLine(names))}\n${indent(text)}`;
  });
  const skewed = status.clusters.filter((cluster) => Math.abs(cluster.clockSkewMs ?? 0) > 60_000);
  const clocks = skewed.map(
    (cluster) =>
      `${paint("busy", "!")} ${printable(cluster.name)}: its clock is ${Math.round((cluster.clockSkewMs ?? 0) / 1_000)} s off (seen ${relativeTime(cluster.lastSeen, now())})`,
  );
  const failing = status.apps.filter(({ summary, problems: own }) => summary.failed > 0 && own.length === 0);
  const hints = failing.map(({ project, name, summary, firstCause }) => {
    const app = oneLine(`${project}/${name}`);
    const head = `${paint("bad", "✗")} ${paint("strong", app)} fails on ${summary.failed} of ${summary.clusters} clusters`;
    if (firstCause === undefined) return `${head}: muster get app ${app}`;
    const [first = ""] = firstCause.clusters;
    const where = firstCause.count > 1 ? `${first} and ${firstCause.count - 1} more` : first;
    return `${head}\n${indent(`${oneLine(where)}: ${oneLine(firstCause.message)}\nmuster why ${app}`)}`;
  });
  return [...problems, ...hints, ...clocks];
}

const indent = (text: string): string => text.replace(/^/gm, "  ");
