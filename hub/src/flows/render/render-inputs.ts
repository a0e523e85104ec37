import { type AppUid, type CommitId, formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { gitOf, nameOf, type StoredApp, type StoredSource, sourceOf } from "../../core/documents/definition.ts";
import type { Revision, SourceStatus } from "../../core/documents/source-status.ts";
import { isAbout } from "../../core/source-progress.ts";
import { otherSources } from "../../core/variants.ts";
import type { SourceTree } from "../../ports/source-tree.ts";
import { targetOf } from "../git-remotes.ts";
import type { HubState } from "../hub-state.ts";
import type { VariantJob } from "./render-variant.ts";

/** Where an App's content comes from at this moment. */
export interface RenderOrigin {
  readonly source: StoredSource;
  readonly status: SourceStatus;
  readonly revision: Revision;
  /** Other Sources that values come from, each at its own Revision. */
  readonly others: readonly { readonly source: string; readonly commit: CommitId }[];
}

export type FoundOrigin =
  | ({ readonly kind: "found" } & RenderOrigin)
  /** Nothing was fetched yet: it comes by itself. */
  | { readonly kind: "waiting" }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

/** Whose turn it is when an App is rendered: Apps of one repository wait for one another, and not others for them. */
export function repositoryOf(state: HubState, uid: AppUid): string {
  const app = state.appByUid(uid);
  const source = app === null ? null : state.source(sourceOf(app));
  return source === null ? "" : gitOf(source).url;
}

/** The Revisions that an App is rendered from. */
export function findOrigin(state: HubState, app: StoredApp): FoundOrigin {
  const own = revisionOf(state, sourceOf(app));
  if (own === null) return { kind: "waiting" };
  const others: { source: string; commit: CommitId }[] = [];
  for (const name of otherSources(app.definition.spec)) {
    const { project } = nameOf(app);
    if (state.source({ project, name }) === null) {
      const message = `The values of ${formatApp(nameOf(app))} come from the Source "${name}", which is not in project ${project}.`;
      return { kind: "invalid", problems: [{ code: "SourceNotFound", message, where: {} }] };
    }
    const other = revisionOf(state, { project, name });
    if (other === null) return { kind: "waiting" };
    others.push({ source: name, commit: other.revision.commit });
  }
  return { kind: "found", ...own, others };
}

function revisionOf(
  state: HubState,
  name: { project: string; name: string },
): Pick<RenderOrigin, "source" | "status" | "revision"> | null {
  const source = state.source(name);
  const status = source === null ? null : state.sourceStatuses.get(formatApp(name));
  if (source === null || status === null || status.revision === null) return null;
  // Found for another address or ref: it says nothing of this one.
  if (!isAbout(status, targetOf(source))) return null;
  return { source, status, revision: status.revision };
}

/** A tree for "" and for every other Source. The App's own under its name too: values files may say it. */
export async function openTrees(
  { source, revision, others }: Pick<RenderOrigin, "source" | "others"> & { revision: { commit: CommitId } },
  deps: { state: HubState; openTree: (source: StoredSource, commit: CommitId) => Promise<SourceTree> },
): Promise<VariantJob["trees"]> {
  const { project, name } = nameOf(source);
  const own = await deps.openTree(source, revision.commit);
  const trees = new Map([
    ["", own],
    [name, own],
  ]);
  for (const other of others) {
    const stored = deps.state.source({ project, name: other.source });
    if (stored !== null) trees.set(other.source, await deps.openTree(stored, other.commit));
  }
  return trees;
}
