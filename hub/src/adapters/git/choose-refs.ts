import { isAppError } from "@muster/shared/errors.ts";
import { parseVersionRange, type VersionRange } from "@muster/shared/version-range.ts";
import type { GitRef, RefResult } from "../../ports/git-source.ts";
import type { RemoteRef, RemoteRefs } from "./list-refs.ts";

/** What one wanted ref comes down to at this remote. */
export type Choice =
  | {
      readonly kind: "object";
      /** What is fetched: a tag's own object where it has one. */
      readonly oid: string;
      readonly commit: string;
      readonly tag: { readonly name: string; readonly object: string | null } | null;
    }
  /** A commit by its id or the beginning of it: not told by the list of refs. */
  | { readonly kind: "commit"; readonly id: string }
  | Exclude<RefResult, { kind: "found" }>;

/** Which refs have to be listed to choose: a prefix each. Empty for what needs no list. */
export function prefixesFor(ref: GitRef): readonly string[] {
  if (ref.branch !== undefined) return isRefName(ref.branch) ? [`refs/heads/${ref.branch}`] : [];
  if (ref.tag !== undefined) return isRefName(ref.tag) ? [`refs/tags/${ref.tag}`] : [];
  return ref.semver === undefined ? [] : ["refs/tags/"];
}

/** The ref's commit at the remote, or why there is none. `say`: the repository, as people know it. */
export function chooseRef(ref: GitRef, refs: RemoteRefs, say: string): Choice {
  if (ref.branch !== undefined) return chooseNamed(refs.get(`refs/heads/${ref.branch}`), `branch ${ref.branch}`, say);
  if (ref.tag !== undefined) {
    return chooseNamed(refs.get(`refs/tags/${ref.tag}`), `tag ${ref.tag}`, say, ref.tag);
  }
  if (ref.semver !== undefined) return chooseVersion(ref.semver, refs, say);
  return { kind: "commit", id: ref.commit ?? "" };
}

function chooseNamed(found: RemoteRef | undefined, what: string, say: string, tag?: string): Choice {
  if (found === undefined) {
    const fix = `Restore the ${what.split(" ", 1)[0]}, or point spec.git.ref at another one. What runs stays as it is.`;
    return { kind: "missing", reason: `${say} has no ${what}`, fix };
  }
  const { oid, peeled } = found;
  const object = peeled === null ? null : oid;
  return { kind: "object", oid, commit: peeled ?? oid, tag: tag === undefined ? null : { name: tag, object } };
}

function chooseVersion(text: string, refs: RemoteRefs, say: string): Choice {
  let range: VersionRange;
  try {
    range = parseVersionRange(text);
  } catch (error) {
    if (!isAppError(error, "invalid")) throw error;
    return { kind: "missing", reason: error.message, fix: error.fix ?? "Mend spec.git.ref.semver." };
  }
  const tags = [...refs.keys()].flatMap((name) => (name.startsWith("refs/tags/") ? [name.slice(10)] : []));
  const name = range.highestOf(tags);
  if (name === null) {
    const reason = `none of the ${tags.length} tags of ${say} is a version in ${text}`;
    return { kind: "missing", reason, fix: "Push a tag such as v1.4.2, or widen spec.git.ref.semver." };
  }
  const chosen = chooseNamed(refs.get(`refs/tags/${name}`), `tag ${name}`, say, name);
  const twin = tags.find((tag) => tag !== name && withoutV(tag) === withoutV(name));
  if (twin !== undefined && chosen.kind === "object") {
    const other = chooseNamed(refs.get(`refs/tags/${twin}`), `tag ${twin}`, say, twin);
    if (other.kind === "object" && other.commit !== chosen.commit) {
      const reason = `the tags ${name} and ${twin} of ${say} are one version, and name different commits`;
      return { kind: "ambiguous", reason, fix: "Delete one of the two tags, or name the tag in spec.git.ref.tag." };
    }
  }
  return chosen;
}

const withoutV = (tag: string): string => tag.replace(/^v/, "");

/** git-check-ref-format, as far as it keeps a name from being something else. */
function isRefName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return !/[\x00-\x20~^:?*[\\\x7f]|\.\.|@\{|\/\/|\.lock(\/|$)|^[-/]|\/$|\.$/.test(name);
}
