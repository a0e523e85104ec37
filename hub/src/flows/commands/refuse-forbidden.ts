import { AppError } from "@muster/shared/errors.ts";
import type { Definition } from "@muster/shared/model/definitions.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import {
  judgeApp,
  judgeAppCount,
  judgeSource,
  type ProjectRules,
  projectMissing,
  takenOver,
} from "../../core/policy.ts";
import type { HubState } from "../hub-state.ts";

const PROBLEMS_TOLD_MAX = 20;

/** What Projects allow once these definitions are in force. */
export function rulesAfter(
  state: Pick<HubState, "rulesOf">,
  definitions: readonly Definition[],
): (project: string) => ProjectRules {
  const given = new Map(
    definitions.flatMap((definition) =>
      definition.kind === "Project" ? [[definition.metadata.name, definition.spec] as const] : [],
    ),
  );
  return (project) => given.get(project) ?? state.rulesOf(project);
}

/**
 * What can be told at once is refused at once: a definition that its Project will never let render is not stored.
 * @throws AppError "forbidden" with every problem.
 */
export function refuseForbidden(
  state: Pick<HubState, "app" | "appsIn" | "rulesOf">,
  definitions: readonly Definition[],
  { rulesOf, requireProjects }: { rulesOf: (project: string) => ProjectRules; requireProjects: boolean },
): void {
  const added = new Map<string, number>();
  const problems = definitions.flatMap((definition): readonly Problem[] => {
    if (definition.kind === "Project" || definition.kind === "Cluster") return [];
    const { project } = definition.metadata;
    const rules = rulesOf(project);
    if (rules === null && requireProjects) return [projectMissing(project)];
    if (definition.kind === "Source") return judgeSource(rules, definition);
    if (definition.kind !== "App") return [];
    // One that takes over may be in the place of another that goes; if it does not go, nothing of it is rendered.
    const isNew = state.app(definition.metadata) === null && takenOver(definition).length === 0;
    const already = added.get(project) ?? 0;
    if (isNew) added.set(project, already + 1);
    const tooMany =
      isNew && rules?.quota.apps !== undefined
        ? judgeAppCount(rules, project, {
            app: formatApp(definition.metadata),
            appsBefore: [...state.appsIn(project)].length + already,
          })
        : null;
    return [...(tooMany === null ? [] : [tooMany]), ...judgeApp(rules, definition)];
  });
  const [first] = problems;
  if (first === undefined) return;
  const told = [...new Set(problems.map(({ message }) => message))].slice(0, PROBLEMS_TOLD_MAX);
  throw new AppError("forbidden", told.join("\n"), { fix: `Nothing was changed. ${first.fix ?? ""}`.trim() });
}
