import { AppError } from "@muster/shared/errors.ts";
import { type AppDefinition, appDefinition } from "@muster/shared/model/definitions/app.ts";
import { type AppName, formatApp } from "@muster/shared/model/ids.ts";
import { nameOf, type StoredApp } from "../../core/documents/definition.ts";
import type { Release } from "../../core/documents/release.ts";
import { takenOver } from "../../core/policy.ts";
import type { MoveResult } from "../../core/views.ts";
import type { Actor } from "../../ports/hub-commands.ts";
import { deleteAppAs } from "../definitions/write-definition.ts";
import type { HubState } from "../hub-state.ts";
import { applyDefinitions } from "./apply.ts";

type Deps = Parameters<typeof applyDefinitions>[0] & {
  readonly state: HubState;
  /** What keeps an App's newest Revision from being released. */
  readonly problemsOf: (app: AppName) => readonly { readonly message: string }[];
};

/**
 * Renames an App: the same definition under another name, which takes over the objects, and the old one deleted with
 * its objects kept. First the new, then the deletion, and said again it goes on where it ended: nothing is deleted from
 * a cluster at any moment. @throws AppError "not-found", "conflict", and as `apply`.
 */
export async function moveApp(
  deps: Deps,
  actor: Actor,
  { from, to, dryRun }: { readonly from: AppName; readonly to: string; readonly dryRun: boolean },
): Promise<MoveResult> {
  const { state } = deps;
  const name: AppName = { project: from.project, name: to };
  const [old, existing] = [state.app(from), state.app(name)];
  const isBegun = existing !== null && takenOver(existing.definition).includes(from.name);
  const result = { from: formatApp(from), to: formatApp(name), dryRun };
  if (old === null) {
    if (isBegun) return { ...result, clusters: state.entriesOf(existing.uid).size };
    throw new AppError("not-found", `There is no App ${formatApp(from)}.`, { fix: "See what there is: muster status" });
  }
  const clusters = [...state.entriesOf(old.uid).values()].filter(({ content }) => content.kind === "run").length;
  if (existing !== null && !isBegun) {
    throw new AppError("conflict", `There is an App ${formatApp(name)} already. Nothing was changed.`, {
      fix: `Choose another name; to split an App, give the other one spec.takesOverFrom: [${from.name}]`,
    });
  }
  refuseUnfit(deps, old);
  if (!isBegun) {
    const definition = renamed(old.definition, to, state.newestRelease(old.uid));
    await applyDefinitions(deps, actor, [definition], { dryRun });
  }
  if (!dryRun) await deleteAppAs(deps, { actor, action: "keep" }, old);
  return { ...result, clusters };
}

/** What the old App has beyond its definition would be lost without a word. */
function refuseUnfit({ state, problemsOf }: Deps, old: StoredApp): void {
  const from = formatApp(nameOf(old));
  if (old.owner !== "api") {
    throw new AppError("conflict", `${from} is not the API's to rename: it is defined in Git or by an AppSet.`, {
      fix: `Rename it where it is defined, with spec.onUnplaced.action: keep for the old one, and spec.takesOverFrom: [${nameOf(old).name}] for the new.`,
    });
  }
  if (state.intents.get(old.uid)?.pin != null) {
    throw new AppError("conflict", `${from} is pinned, and under another name it would follow Git.`, {
      fix: `First: muster unpin ${from}`,
    });
  }
  const [problem] = problemsOf(nameOf(old));
  if (problem === undefined) return;
  throw new AppError("conflict", `${from} could not be released under another name: ${problem.message}`, {
    fix: "Mend that first. What runs stays as it is.",
  });
}

function renamed({ metadata, spec, ...rest }: AppDefinition, to: string, newest: Release | null): AppDefinition {
  const { helm } = spec.render;
  // A Helm release without a name of its own has the App's, and charts put that into the names of objects.
  const isHelm = newest?.input.renderer.kind === "helm";
  const render =
    isHelm && helm?.releaseName === undefined
      ? { ...spec.render, helm: { ...helm, releaseName: metadata.name } }
      : spec.render;
  return appDefinition.parse({
    ...rest,
    metadata: { ...metadata, name: to },
    spec: { ...spec, render, takesOverFrom: [metadata.name] },
  });
}
