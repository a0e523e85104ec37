import { sealBundle } from "@muster/shared/manifest/bundle.ts";
import { canonicalJson } from "@muster/shared/manifest/canonical.ts";
import { duplicateProblems } from "@muster/shared/manifest/duplicates.ts";
import { formatMebibytes, type Manifest, parseManifests } from "@muster/shared/manifest/parse.ts";
import { formatObject, type ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { BundleInput, BundleLimits, BundleResult, BundleTransform } from "../../ports/bundler.ts";

/** The most problems that are told at once. */
const PROBLEMS_MAX = 20;
const LARGEST_NAMED = 3;

/**
 * The bundle of a folder of manifests: reads every file, changes what the variant changes, then seals what there is.
 * Pure, and all of it computation: it runs in a worker. `onFile` is told the index (in `files`) of each file before it is
 * read, and -1 when all are.
 */
export async function bundleManifests(
  { files, limits, substitute, collectReferences, transform }: BundleInput,
  onFile: (index: number) => void = () => {},
): Promise<BundleResult> {
  const problems: Problem[] = [];
  const objects: { ref: ObjectRef; place: Manifest["place"]; json: string }[] = [];
  const largest: { ref: ObjectRef; place: Manifest["place"]; bytes: number }[] = [];
  const references = collectReferences ? new Set<string>() : null;
  const substitution = substitute || references ? { values: substitute?.values ?? null, references } : null;
  /** What waits for all files to be read, where objects change. */
  const waiting: Manifest[] | null = transform !== undefined && isChange(transform) ? [] : null;
  let bytes = 0;

  const ordered = files.map((file, index) => ({ file, index })).sort((a, b) => compare(a.file.path, b.file.path));
  for (const { file, index } of ordered) {
    if (problems.length >= PROBLEMS_MAX || (waiting ?? objects).length > limits.objectsMax) break;
    onFile(index);
    const parsed = parseManifests(file, {
      limits: { fileBytesMax: limits.fileBytesMax },
      problemsMax: PROBLEMS_MAX - problems.length,
      substitution,
    });
    problems.push(...parsed.problems);
    if (waiting !== null) waiting.push(...parsed.manifests.slice(0, limits.objectsMax + 1 - waiting.length));
    else parsed.manifests.forEach(add);
  }
  if (waiting !== null && transform !== undefined) {
    onFile(NO_FILE);
    // Most bundles need none of it, and a worker is to start quickly.
    const { transformObjects } = await import("../../core/transform/transform-objects.ts");
    // A file that cannot be read would only make patches fail that wait for its objects.
    const isReadable = problems.length === 0 && waiting.length <= limits.objectsMax;
    const transformed = isReadable ? transformObjects(waiting, transform) : { manifests: waiting, problems: [] };
    problems.push(...transformed.problems);
    transformed.manifests.forEach(add);
  }

  if (objects.length > limits.objectsMax) problems.push(tooManyObjects(objects, limits));
  else if (bytes > limits.bundleBytesMax) problems.push(bundleTooLarge(largest, bytes, limits));
  problems.push(...duplicateProblems(objects, PROBLEMS_MAX - problems.length));
  if (problems.length > 0) return { kind: "invalid", problems: problems.slice(0, PROBLEMS_MAX) };
  if (objects.length === 0) return { kind: "invalid", problems: [nothingRendered(files.length)] };

  const { digest, compressed, canonical, refs } = sealBundle(objects);
  return {
    kind: "rendered",
    bundle: { digest, compressed, bytes: canonical.length, objects: refs },
    references: [...(references ?? [])].sort(),
  };

  function add({ object, ref, place }: Manifest): void {
    if (objects.length > limits.objectsMax) return;
    const json = canonicalJson(object);
    const size = Buffer.byteLength(json) + 1;
    bytes += size;
    keepLargest(largest, { ref, place, bytes: size });
    // Past the limit only the sizes still matter, to name the largest.
    objects.push({ ref, place, json: bytes > limits.bundleBytesMax ? "" : json });
  }
}

const NO_FILE = -1;

const isChange = ({ namespace: _, ...changes }: BundleTransform): boolean =>
  Object.values(changes).some((change) => change !== undefined && change.length > 0);

function keepLargest<T extends { bytes: number }>(largest: T[], candidate: T): void {
  if (largest.length === LARGEST_NAMED && candidate.bytes <= (largest.at(-1) as T).bytes) return;
  largest.push(candidate);
  largest.sort((a, b) => b.bytes - a.bytes);
  largest.length = Math.min(largest.length, LARGEST_NAMED);
}

/** Nothing is read beyond the limit, so what is counted is what was read until then. */
function tooManyObjects(
  objects: readonly { ref: ObjectRef; place: Manifest["place"] }[],
  { objectsMax }: BundleLimits,
): Problem {
  const counts = [...Map.groupBy(objects, ({ ref, place }) => `${ref.kind} in ${place.path}`)]
    .map(([what, { length }]) => ({ what, length }))
    .sort((one, other) => other.length - one.length)
    .slice(0, LARGEST_NAMED);
  const most = counts.map(({ what, length }) => `${length} of ${what}`).join(", ");
  return {
    code: "TooManyObjects",
    message: `this folder defines more than ${objectsMax} objects, which is the most for one App. Most of those read until then: ${most.slice(0, 1_500)}.`,
    where: {},
    fix: "Split it into several Apps.",
  };
}

function bundleTooLarge(
  largest: readonly { ref: ObjectRef; place: Manifest["place"]; bytes: number }[],
  bytes: number,
  { bundleBytesMax }: BundleLimits,
): Problem {
  const names = largest.map(
    ({ ref, bytes, place }) => `${formatObject(ref)} (${formatMebibytes(bytes)}, ${place.path})`,
  );
  const first = largest[0];
  return {
    code: "BundleTooLarge",
    message:
      `all objects together are ${formatMebibytes(bytes)}; at most ${formatMebibytes(bundleBytesMax)} go into a bundle. ` +
      `The largest: ${names.join(", ").slice(0, 1_500)}.`,
    where: first ? { ...first.place, object: first.ref } : {},
    fix: "Split the folder into several Apps, or take the largest objects out.",
  };
}

/** An empty folder is more often an accident than a wish, so it changes nothing. */
export function nothingRendered(files: number): Problem {
  const found =
    files === 0
      ? "there is no manifest here"
      : `${files === 1 ? "the one manifest file here holds" : `the ${files} manifest files here hold`} no object`;
  return {
    code: "NothingRendered",
    message: `${found}, so there is nothing to run.`,
    where: {},
    fix: "This deletes nothing. To mean it, delete the App, and its objects go; otherwise put the manifests back.",
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
