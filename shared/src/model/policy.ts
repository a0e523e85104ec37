import { z } from "zod";
import { type Glob, parseWholeGlob } from "../glob.ts";
import { name } from "./ids.ts";
import { formatObject, groupOf, type ObjectRef } from "./object-ref.ts";
import type { Problem } from "./problem.ts";

/**
 * What a Project lets the objects of its Apps be, as it goes to the agents: namespaces by pattern, kinds by pattern
 * (those without a namespace apart), and whom the agent acts as. Absent where no Project is defined: nothing is limited.
 */
export const policy = z.object({
  namespaces: z.array(z.string()),
  kinds: z.object({ namespaced: z.array(z.string()), cluster: z.array(z.string()) }),
  serviceAccount: name.optional(),
});
export type Policy = z.infer<typeof policy>;

/** An object as far as a Project's rules look at it. `namespace` is settled: where the object goes. */
export type JudgedObject = Pick<ObjectRef, "apiVersion" | "kind" | "namespace"> & { readonly name?: string };

export interface PolicyRules {
  /**
   * What forbids this object, or null. `isNamespaced` is the kind's real scope; null where it is not known, which lets
   * pass what either scope would: the agent, which knows, judges again.
   */
  judge(object: JudgedObject, isNamespaced: boolean | null): Problem | null;
}

/** The rules of a policy, its patterns read once. A pattern that cannot be read allows nothing. */
export function readPolicy({ namespaces, kinds }: Policy, project: string): PolicyRules {
  const inNamespace = anyOf(namespaces);
  const namespaced = kindsOf(kinds.namespaced);
  const clusterScoped = kindsOf(kinds.cluster);
  const refuse = (object: JudgedObject, rule: string, pattern: string): Problem => ({
    code: "ProjectForbids",
    message: `${describe(object)}: Project ${project} does not allow ${rule}.`,
    where: object.name === undefined ? {} : { object: { ...object, name: object.name } },
    fix: `Take it out of the App, or have an administrator add ${pattern} of the Project ${project}.`,
  });

  const judgeNamespaced = (object: JudgedObject): Problem | null => {
    const { apiVersion, kind, namespace } = object;
    if (!namespaced(apiVersion, kind)) {
      return refuse(object, `the kind ${formatKind(apiVersion, kind)}`, `${kind} to spec.kinds.namespaced`);
    }
    return inNamespace(namespace)
      ? null
      : refuse(object, `the namespace ${namespace}`, `${namespace} to spec.namespaces`);
  };
  const judgeClusterScoped = (object: JudgedObject): Problem | null => {
    const { apiVersion, kind } = object;
    if (clusterScoped(apiVersion, kind)) return null;
    const rule = `the kind ${formatKind(apiVersion, kind)}, which has no namespace`;
    return refuse({ ...object, namespace: "" }, rule, `${formatKind(apiVersion, kind)} to spec.kinds.cluster`);
  };

  return {
    judge(object, isNamespaced) {
      if (isNamespaced !== null) return isNamespaced ? judgeNamespaced(object) : judgeClusterScoped(object);
      const problem = judgeNamespaced(object);
      return problem === null || judgeClusterScoped(object) === null ? null : problem;
    },
  };
}

/** `Ingress.networking.k8s.io`, `Secret`: how patterns of kinds are written. */
export const formatKind = (apiVersion: string, kind: string): string => {
  const group = groupOf(apiVersion);
  return group === "" ? kind : `${kind}.${group}`;
};

/** Whether a pattern of namespaces, clusters' names or credentials can be read. */
export const isPattern = (text: string): boolean => parseWholeGlob(text) !== null;

const describe = ({ kind, namespace, name: objectName, apiVersion }: JudgedObject): string => {
  if (objectName !== undefined) return formatObject({ apiVersion, kind, namespace, name: objectName });
  return namespace === "" ? `A ${kind}` : `A ${kind} in the namespace ${namespace}`;
};

function anyOf(patterns: readonly string[]): (text: string) => boolean {
  const globs = patterns.map(parseWholeGlob);
  return (text) => globs.some((glob) => glob?.matches(text));
}

/** `Deployment` in whatever group, `Ingress.networking.k8s.io` in that one, `*.apps`; the core group is `core`. */
function kindsOf(patterns: readonly string[]): (apiVersion: string, kind: string) => boolean {
  const rules = patterns.map((pattern) => {
    const dot = pattern.indexOf(".");
    const [kind, group] = dot < 0 ? [pattern, null] : [pattern.slice(0, dot), pattern.slice(dot + 1)];
    return { kind: parseWholeGlob(kind), group: group === null ? null : (parseWholeGlob(group) ?? NOTHING) };
  });
  return (apiVersion, kind) => {
    const group = groupOf(apiVersion) || "core";
    return rules.some((rule) => rule.kind?.matches(kind) && (rule.group === null || rule.group.matches(group)));
  };
}

const NOTHING: Glob = { matches: () => false, alternatives: 0 };
