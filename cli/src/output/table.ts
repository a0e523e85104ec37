import stringWidth from "string-width";
import type { Paint, Tone } from "./paint.ts";
import { oneLine } from "./printable.ts";

/** What stands in one cell; the text is made printable here, and only here may it be coloured. */
export type Cell = string | number | { readonly text: string; readonly tone: Tone | null };

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Cells may be cut down to this many columns when the terminal is narrow; left out, they are never cut. */
  readonly widthMin?: number;
  /** Left out where the terminal has no room even for cut cells, the highest first; without it, never. */
  readonly dropOrder?: number;
}

const GAP = "  ";
/** Nothing is served by padding one name of 253 characters through a thousand lines. */
const COLUMN_WIDTH_MAX = 120;

/**
 * A table like those of `kubectl`: titles, aligned columns, no lines drawn. With `width`, cells of the columns that
 * allow it are cut with `…` until every line fits, the widest first, and after that columns are left out; without,
 * nothing is cut.
 */
export function formatTable(
  all: readonly Column[],
  allRows: readonly (readonly Cell[])[],
  { width, paint }: { width: number | null; paint: Paint },
): string {
  const columns = width === null ? all : withRoom(all, allRows, width);
  const rows = allRows.map((row) => columns.map((column) => row[all.indexOf(column)] ?? ""));
  const texts = rows.map((row) => columns.map((_, index) => textOf(row[index] ?? "")));
  const natural = naturalWidths(columns, texts);
  const widths = width === null ? natural : fit(columns, natural, width);
  const line = (cells: readonly string[], tones: (index: number) => Tone | null) =>
    cells
      .map((text, index) => {
        const room = Math.min(widths[index] ?? 0, width === null ? Number.POSITIVE_INFINITY : COLUMN_WIDTH_MAX);
        const shown = cut(text, room);
        const tone = tones(index);
        const padding = " ".repeat(Math.max(0, room - stringWidth(shown)));
        const coloured = tone === null ? shown : paint(tone, shown);
        if (columns[index]?.align === "right") return padding + coloured;
        return index === cells.length - 1 ? coloured : coloured + padding;
      })
      .join(GAP)
      .trimEnd();
  const title = line(
    columns.map((column) => column.title),
    () => "quiet",
  );
  const body = texts.map((cells, row) => line(cells, (index) => toneOfCell(rows[row]?.[index])));
  return `${[title, ...body].join("\n")}\n`;
}

/** The columns that stay when those that may go make way. */
function withRoom(columns: readonly Column[], rows: readonly (readonly Cell[])[], width: number): readonly Column[] {
  const texts = rows.map((row) => columns.map((_, index) => textOf(row[index] ?? "")));
  const natural = naturalWidths(columns, texts);
  const least = columns.map((column, index) => {
    const own = natural[index] ?? 0;
    return { column, width: column.widthMin === undefined ? own : Math.min(own, column.widthMin) };
  });
  const kept = new Set(least);
  const leaving = least.filter(({ column }) => column.dropOrder !== undefined);
  leaving.sort((a, b) => (b.column.dropOrder ?? 0) - (a.column.dropOrder ?? 0));
  const needed = (): number => [...kept].reduce((sum, each) => sum + each.width + GAP.length, -GAP.length);
  for (const next of leaving) {
    if (needed() <= width) break;
    kept.delete(next);
  }
  return [...kept].map(({ column }) => column);
}

const naturalWidths = (columns: readonly Column[], texts: readonly (readonly string[])[]): readonly number[] =>
  columns.map((column, index) =>
    Math.max(stringWidth(column.title), ...texts.map((row) => stringWidth(row[index] ?? ""))),
  );

function textOf(cell: Cell): string {
  if (typeof cell === "number") return String(cell);
  return oneLine(typeof cell === "string" ? cell : cell.text);
}

const toneOfCell = (cell: Cell | undefined): Tone | null =>
  typeof cell === "object" && cell !== null ? cell.tone : null;

/** Takes room from the widest column that may give, one step at a time, until the line fits or nothing can give. */
function fit(columns: readonly Column[], natural: readonly number[], width: number): readonly number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, each) => sum + each, 0) + GAP.length * (columns.length - 1) - width;
  while (excess > 0) {
    const givers = columns
      .map((column, index) => ({ index, spare: (widths[index] ?? 0) - (column.widthMin ?? Number.POSITIVE_INFINITY) }))
      .filter((giver) => giver.spare > 0)
      .sort((a, b) => (widths[b.index] ?? 0) - (widths[a.index] ?? 0));
    const [widest, second] = givers;
    if (widest === undefined) break;
    const untilSecond = second === undefined ? widest.spare : (widths[widest.index] ?? 0) - (widths[second.index] ?? 0);
    const step = Math.max(1, Math.min(excess, widest.spare, untilSecond));
    widths[widest.index] = (widths[widest.index] ?? 0) - step;
    excess -= step;
  }
  return widths;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Cuts to `room` columns of the terminal; a character that is two columns wide is never halved. */
export function cut(text: string, room: number): string {
  if (stringWidth(text) <= room) return text;
  if (room <= 0) return "";
  let kept = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const segmentWidth = stringWidth(segment);
    if (used + segmentWidth > room - 1) break;
    kept += segment;
    used += segmentWidth;
  }
  return `${kept.trimEnd()}…`;
}
