import type { Assignment } from "@muster/shared/model/assignment.ts";
import type { AppName } from "@muster/shared/model/ids.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import { readPolicy } from "@muster/shared/model/policy.ts";
import type { Problem } from "@muster/shared/model/problem.ts";

type Run = Extract<Assignment["content"], { kind: "run" }>;

/** As many as a person reads. */
const problemsMax = 10;

/**
 * What the App's Project forbids of a bundle, by the real scope of its kinds. The hub judged before it released; this is
 * for what only the cluster knows, and for a hub that was wrong.
 */
export function judgePolicy(
  { policy, destination }: Pick<Run, "policy" | "destination">,
  { project }: AppName,
  /** Namespaces settled; one with a `problem` may be of a kind that the cluster does not know. */
  objects: readonly { readonly ref: ObjectRef; readonly problem?: Problem }[],
): readonly Problem[] {
  if (policy === undefined) return [];
  const rules = readPolicy(policy, project);
  const problems: Problem[] = [];
  if (destination.createNamespace) {
    // Whether its namespace is allowed does not hang on what is in it.
    const inside = { apiVersion: "v1", kind: "ConfigMap", namespace: destination.namespace };
    const problem = readPolicy({ ...policy, kinds: { namespaced: ["*"], cluster: [] } }, project).judge(inside, true);
    if (problem !== null) problems.push({ ...problem, message: withoutObject(problem.message, destination.namespace) });
  }
  for (const { ref, problem: unplaced } of objects) {
    const namespace = ref.namespace === "" && unplaced !== undefined ? destination.namespace : ref.namespace;
    const isScopeKnown = unplaced === undefined || unplaced.code === "DuplicateObject";
    const isNamespaced = isScopeKnown ? ref.namespace !== "" : null;
    const problem = rules.judge({ ...ref, namespace }, isNamespaced);
    if (problem !== null) problems.push(problem);
  }
  return problems.slice(0, problemsMax);
}

const withoutObject = (message: string, namespace: string): string =>
  message.replace(/^[^:]*:/, `spec.destination.namespace ${namespace}:`);
