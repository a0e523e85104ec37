import type { RenderedManifest } from "../../../ports/renderer.ts";

const SEPARATOR = Buffer.from("---\n# Source: ");
const DOCUMENT = Buffer.from("---\n");
/** More than a bundle may hold objects: who writes so many is refused anyway, and none of them waits to be told apart. */
const PARTS_MAX = 25_000;

/**
 * What `helm template` wrote, by the templates that it came out of, ordered by path. `pathOf` says where a template
 * stands, of the name that Helm gives it (`chart/templates/a.yaml`); a template may claim any, so it must know them.
 */
export function splitOutput(output: Buffer, pathOf: (name: string) => string): readonly RenderedManifest[] {
  const parts = new Map<string, Buffer[]>();
  let count = 0;
  for (let start = nextStart(output, 0); start >= 0; ) {
    count += 1;
    const end = count < PARTS_MAX ? nextStart(output, start + SEPARATOR.length) : -1;
    const part = output.subarray(start, end < 0 ? output.length : end);
    const lineEnd = part.indexOf("\n", SEPARATOR.length);
    const name = part.subarray(SEPARATOR.length, lineEnd < 0 ? part.length : lineEnd).toString("utf8");
    const path = pathOf(name.trim());
    const known = parts.get(path) ?? [];
    // Without the comment: where Helm thinks that a file stands is not where it does.
    if (lineEnd >= 0) known.push(DOCUMENT, part.subarray(lineEnd + 1));
    parts.set(path, known);
    start = end;
  }
  return [...parts]
    .sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
    .map(([path, pieces]) => ({ path, bytes: Buffer.concat(pieces), isOutput: true }));
}

/** Where the next part begins: at the start of a line. */
function nextStart(output: Buffer, from: number): number {
  for (let at = output.indexOf(SEPARATOR, from); at >= 0; at = output.indexOf(SEPARATOR, at + 1)) {
    if (at === 0 || output[at - 1] === 0x0a) return at;
  }
  return -1;
}
