import type { AppDefinition } from "@muster/shared/model/definitions/app.ts";
import type { SourceDefinition } from "@muster/shared/model/definitions/source.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import {
  judgeApp,
  judgeObjects,
  judgeQuota,
  judgeSource,
  type ObjectScope,
  type ProjectRules,
  policyOf,
} from "./policy.ts";

/** One App by itself, away from the hub: what others of its Project take up is not known there. */
interface Alone {
  readonly app: AppDefinition;
  /** Its own Source and those that values come from, as far as they are defined. */
  readonly sources: readonly SourceDefinition[];
}

/** What a Project forbids before anything is rendered. A suspended one is told as a notice: looking is no release. */
export function judgeAloneBefore(rules: ProjectRules, { app, sources }: Alone): readonly Problem[] {
  return [...sources.flatMap((source) => judgeSource(rules, source)), ...judgeApp(rules, app)];
}

/** What a Project forbids of one rendered variant, and what of its quota that alone is beyond. */
export function judgeAloneAfter(
  rules: ProjectRules,
  app: AppDefinition,
  rendered: {
    readonly scopes: readonly ObjectScope[];
    readonly namespace: string;
    readonly objects: number;
    readonly bytes: number;
  },
): readonly Problem[] {
  const { project } = app.metadata;
  const { scopes, namespace, objects, bytes } = rendered;
  const forbidden = judgeObjects(policyOf(rules), project, { scopes, namespace });
  if (forbidden.length > 0) return forbidden;
  return judgeQuota(rules, project, {
    app: formatApp(app.metadata),
    appsBefore: 0,
    objects: { others: 0, own: objects },
    bundleBytes: { others: 0, own: bytes },
    // This machine is not the hub's.
    renderSeconds: 0,
  });
}
