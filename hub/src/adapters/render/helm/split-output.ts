import type { RenderedManifest } from "../../../ports/renderer.ts";

const SEPARATOR = Buffer.from("---\n# Source: ");
const DOCUMENT = Buffer.from("---\n");

/**
 * What `helm template` wrote, by the templates that it came out of, ordered by path. `pathOf` says where a template
 * stands, of the name that Helm gives it (`chart/templates/a.yaml`); a template may claim any, so it must know them.
 */
export function splitOutput(output: Buffer, pathOf: (name: string) => string): readonly RenderedManifest[] {
  const parts = new Map<string, Buffer[]>();
  for (let start = nextStart(output, 0); start >= 0; ) {
    const end = nextStart(output, start + SEPARATOR.length);
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
