import { AppError } from "@muster/shared/errors.ts";
import { FAILSAFE_SCHEMA, load } from "js-yaml";

/** What is used of one version in an index. */
export interface IndexedVersion {
  readonly version: string;
  /** 64 hex digits; null when the index does not say. */
  readonly digest: string | null;
  /** Where its archive is, as written: an address, or a path relative to the repository. Null: nowhere. */
  readonly url: string | null;
}

/** An index as it crosses from the thread that read it, and is kept: a few large buffers, and no tree of objects. */
export interface PackedIndex {
  readonly names: readonly string[];
  /** Of chart n the JSON of its versions is at `data[ends[n - 1]..ends[n]]`. */
  readonly ends: Uint32Array;
  readonly data: Uint8Array;
}

const CHARTS_MAX = 100_000;
const PACKED_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Reads an `index.yaml` (or its JSON). Every scalar is text: a version 1.10 is not 1.1.
 * @throws AppError "invalid" for what is no index, "too-large".
 */
export function readIndex(bytes: Uint8Array): PackedIndex {
  const text = new TextDecoder().decode(bytes);
  try {
    // One chart at a time needs a tenth of the memory that the whole does.
    return pack(eachEntry(text));
  } catch (error) {
    if (error instanceof AppError) throw error;
  }
  try {
    const whole = /^\s*\{/.test(text) ? JSON.parse(text) : load(text, { schema: FAILSAFE_SCHEMA, json: true });
    return pack(Object.entries(entriesOf(whole)));
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const [firstLine = ""] = (cause as Error).message.split("\n");
    throw new AppError("invalid", `its index.yaml cannot be read: ${firstLine.slice(0, 300)}`, { cause });
  }
}

/** Unpacks the versions of one chart. Null when there is no such chart. */
export function versionsIn({ names, ends, data }: PackedIndex, name: string): readonly IndexedVersion[] | null {
  const at = names.indexOf(name);
  if (at < 0) return null;
  const bytes = data.subarray(at === 0 ? 0 : ends[at - 1], ends[at]);
  return (JSON.parse(new TextDecoder().decode(bytes)) as PackedVersion[]).map(([version, digest, url]) => ({
    version,
    digest,
    url,
  }));
}

export const packedBytes = ({ names, data }: PackedIndex): number =>
  data.length + names.reduce((total, name) => total + name.length + 20, 0);

type PackedVersion = [version: string, digest: string | null, url: string | null];

/**
 * The entries of an index laid out in blocks, as Helm writes it: a line that is indented like the first key begins the
 * next chart, for whatever belongs to a chart is indented further or begins with a dash. Throws where that does not hold.
 */
function* eachEntry(text: string): Generator<readonly [string, unknown]> {
  const head = /^entries:[ \t]*\r?\n(?:[ \t]*(?:#.*)?\r?\n)*( +)(?=[^\s#-])/m.exec(text);
  if (head === null) throw new Error("not laid out in blocks");
  const start = head.index + head[0].length - (head[1] as string).length;
  const indent = (head[1] as string).length;
  const boundary = new RegExp(`^(?: {${indent}}(?=[^\\s#-]|-[^\\s])|(?=[^\\s#]))`, "gm");
  boundary.lastIndex = start;
  for (let from = start; from < text.length; ) {
    boundary.lastIndex = from + 1;
    const next = boundary.exec(text);
    const part = text.slice(from, next?.index ?? text.length);
    const entry = Object.entries(load(part, { schema: FAILSAFE_SCHEMA, json: true }) as object)[0];
    if (entry !== undefined) yield entry;
    // A line at the margin begins something other than entries.
    if (next === null || next[0] === "") return;
    from = next.index;
  }
}

function entriesOf(index: unknown): object {
  const { entries = null } = (index ?? {}) as { entries?: unknown };
  if (typeof index === "object" && entries !== null && typeof entries === "object") return entries;
  throw new AppError("invalid", "what is there is no index of Helm charts", {
    fix: "The address of a chart repository is the one below which index.yaml is.",
  });
}

function pack(entries: Iterable<readonly [string, unknown]>): PackedIndex {
  const names: string[] = [];
  const ends: number[] = [];
  const parts: Buffer[] = [];
  let bytes = 0;
  for (const [name, versions] of entries) {
    if (!Array.isArray(versions)) continue;
    const part = Buffer.from(JSON.stringify(versions.flatMap(packVersion)));
    bytes += part.length;
    if (names.length >= CHARTS_MAX || bytes > PACKED_BYTES_MAX) {
      throw new AppError("too-large", "its index.yaml holds more charts and versions than Muster reads", {
        fix: "Let old versions go, or take the chart from an OCI registry.",
      });
    }
    names.push(name);
    ends.push(bytes);
    parts.push(part);
  }
  const data = new Uint8Array(bytes);
  for (const [index, part] of parts.entries()) data.set(part, (ends[index] as number) - part.length);
  return { names, ends: Uint32Array.from(ends), data };
}

function packVersion(one: unknown): PackedVersion[] {
  const { version, digest, urls } = (one ?? {}) as { version?: unknown; digest?: unknown; urls?: unknown };
  if (typeof version !== "string") return [];
  const hex = typeof digest === "string" ? /^(?:sha256:)?([0-9a-f]{64})$/i.exec(digest)?.[1] : undefined;
  const url = Array.isArray(urls) && typeof urls[0] === "string" ? urls[0] : null;
  return [[version, hex?.toLowerCase() ?? null, url]];
}
