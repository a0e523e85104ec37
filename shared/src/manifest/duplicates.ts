import { formatObject, type ObjectRef, objectKey } from "../model/object-ref.ts";
import type { Problem } from "../model/problem.ts";
import type { ManifestPlace } from "./parse.ts";

interface Placed {
  readonly ref: ObjectRef;
  readonly place: ManifestPlace;
}

/** One problem for every object that is written again, naming both places; at most `problemsMax`. */
export function duplicateProblems(manifests: readonly Placed[], problemsMax: number): Problem[] {
  const problems: Problem[] = [];
  const first = new Map<string, Placed>();
  for (const manifest of manifests) {
    const key = objectKey(manifest.ref);
    const earlier = first.get(key);
    if (!earlier) {
      first.set(key, manifest);
      continue;
    }
    if (problems.length >= problemsMax) break;
    const version =
      earlier.ref.apiVersion === manifest.ref.apiVersion
        ? ""
        : ` (as ${manifest.ref.apiVersion} and as ${earlier.ref.apiVersion}, which are one object)`;
    problems.push({
      code: "DuplicateObject",
      message: `${formatObject(manifest.ref)} is also defined in ${formatPlace(earlier.place)}${version}.`,
      where: { ...manifest.place, object: manifest.ref },
      fix: "Keep one of the two. Two objects of one kind need different names or namespaces.",
    });
  }
  return problems;
}

/** `apps/shop/deploy.yaml:17`, with the document where it is not the first. */
export const formatPlace = ({ path, line, document }: ManifestPlace): string =>
  document === 1 ? `${path}:${line}` : `${path}:${line} (document ${document})`;
