import { formatObject } from "@muster/shared/model/object-ref.ts";
import type { Paint } from "../output/paint.ts";
import { oneLine } from "../output/printable.ts";
import type { Preview, PreviewEntry } from "./preview.ts";

const SHOWN_MAX = 40;
const FIELDS_MAX = 4;

/** The diff of each cluster, like a plan: `+` made, `~` changed, `!` not touched or refused; what stays is counted. */
export function previewText(previews: readonly Preview[], paint: Paint): string {
  return previews.map((preview) => clusterText(preview, paint)).join("\n");
}

function clusterText({ cluster, entries }: Preview, paint: Paint): string {
  const count = (kind: PreviewEntry["kind"]) => entries.filter((entry) => entry.kind === kind).length;
  const parts = [
    `${count("create")} to create`,
    `${count("change")} to change`,
    `${count("same")} as they are`,
    ...(count("foreign") > 0 ? [`${count("foreign")} left alone`] : []),
    ...(count("refused") > 0 ? [`${count("refused")} refused`] : []),
  ];
  const shown = entries.filter((entry) => entry.kind !== "same");
  const lines = shown.slice(0, SHOWN_MAX).map((entry) => entryText(entry, paint));
  const more = shown.length > SHOWN_MAX ? [`  … and ${shown.length - SHOWN_MAX} more`] : [];
  return `${[`${paint("strong", oneLine(cluster))}: ${parts.join(", ")}`, ...lines, ...more].join("\n")}\n`;
}

function entryText(entry: PreviewEntry, paint: Paint): string {
  const name = oneLine(formatObject(entry.ref));
  switch (entry.kind) {
    case "create":
      return `  ${paint("good", "+")} ${name}`;
    case "change": {
      const more = entry.fields.length > FIELDS_MAX ? `, and ${entry.fields.length - FIELDS_MAX} more` : "";
      return `  ${paint("busy", "~")} ${name}  ${paint("quiet", `${entry.fields.slice(0, FIELDS_MAX).map(oneLine).join(", ")}${more}`)}`;
    }
    case "foreign":
      return `  ${paint("bad", "!")} ${name}  exists and belongs to ${oneLine(entry.owner)}: left alone, and told as a problem`;
    case "refused":
      return `  ${paint("bad", "!")} ${name}  refused: ${oneLine(entry.reason)}`;
    case "same":
      return `    ${name}`;
  }
}
