import { createTwoFilesPatch } from "diff";
import type { Paint } from "./paint.ts";

/** A unified diff of two texts, in colour where there is any. */
export function patchText(
  paint: Paint,
  { from, to, before, after }: { from: string; to: string; before: string; after: string },
): string {
  const patch = createTwoFilesPatch(from, to, before, after, undefined, undefined, { context: 3 });
  return patch
    .split("\n")
    .filter((line) => !line.startsWith("==="))
    .map((line) => paint(line.startsWith("+") ? "good" : line.startsWith("-") ? "bad" : "quiet", line))
    .join("\n");
}
