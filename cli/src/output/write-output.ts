import { Option } from "commander";
import { stringify } from "yaml";
import { printableDeep, printableJson } from "./printable.ts";
import { type Cell, type Column, formatTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

export type OutputFormat = "json" | "yaml" | "wide" | undefined;

/** `-o json|yaml|wide`. Times are ISO in the first two and relative for people. */
export const outputOption = () =>
  new Option("-o, --output <format>", "json, yaml, or wide for more columns").choices(["json", "yaml", "wide"]);

/** A column, and where its cells come from. */
export interface FieldColumn<T> extends Column {
  readonly cell: (item: T) => Cell;
  /** Shown only with `-o wide`. */
  readonly isWide?: boolean;
}

/** A value for programs, or null when it is people who look. */
export function forPrograms(format: OutputFormat, value: unknown): string | null {
  if (format === "json") return `${printableJson(value)}\n`;
  if (format === "yaml") return stringify(printableDeep(value), { lineWidth: 120, aliasDuplicateObjects: false });
  return null;
}

/** A table of `items` as wide as the terminal; `-o wide` shows every column, uncut. */
export function tableOf<T>(
  terminal: Pick<Terminal, "width" | "paint">,
  format: OutputFormat,
  columns: readonly FieldColumn<T>[],
  items: readonly T[],
): string {
  const shown = columns.filter((column) => format === "wide" || column.isWide !== true);
  return formatTable(
    shown,
    items.map((item) => shown.map((column) => column.cell(item))),
    { width: format === "wide" ? null : terminal.width, paint: terminal.paint },
  );
}
