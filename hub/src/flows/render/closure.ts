import { createHash } from "node:crypto";
import { stableJson } from "@muster/shared/stable-json.ts";
import type { Closure } from "../../ports/renderer.ts";

/** A directory, or one file, and the object id it had: as long as it has it, what is below is the same. */
export interface CoverEntry {
  readonly source: string;
  readonly path: string;
  /** Null: there was nothing. */
  readonly oid: string | null;
}

/** More than these are not remembered: what was read is then found out again. */
export const COVER_MAX = 24;

/** Equal closures have equal names. */
export const closureHash = (closure: Closure): string => createHash("sha256").update(stableJson(closure)).digest("hex");

const parentOf = (path: string): string => (path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "");
const isWithin = (path: string, directory: string): boolean =>
  directory === "" || path === directory || path.startsWith(`${directory}/`);

/**
 * The fewest directories and files that hold everything a closure depends on: comparing these tells cheaply that nothing
 * has changed, and never wrongly so. The App's own directory stands for all below it; anything else is told by its own
 * parent directory, or by itself where it lies in the root.
 */
export function coverOf(closure: Closure, appPath: string): readonly { source: string; path: string }[] {
  const places = new Map<string, { source: string; path: string }>();
  const add = (source: string, path: string): void => void places.set(keyOf(source, path), { source, path });
  const isOwn = (source: string, path: string): boolean => source === "" && appPath !== "" && isWithin(path, appPath);
  for (const { source, path } of closure.directories) add(source, path);
  for (const { source, path } of [...closure.files, ...closure.absent]) {
    if (isOwn(source, path)) add("", appPath);
    else add(source, parentOf(path) === "" ? path : parentOf(path));
  }
  return [...places.values()].filter(({ source, path }) => {
    for (let at = path; at !== ""; ) {
      at = parentOf(at);
      if (places.has(keyOf(source, at))) return false;
    }
    return true;
  });
}

const keyOf = (source: string, path: string): string => `${source}\0${path}`;
