import type { AppName } from "@muster/shared/model/ids.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import type { Live } from "./live.ts";

/** On every object that Muster applies: short hash of hub id and `project/name`. Watches select on it. */
export const OWNER_LABEL = "muster.dev/owner";
/** On every object that Muster applies: `project/name`, for people. */
export const APP_ANNOTATION = "muster.dev/app";
/** `"false"`: kept when it leaves the bundle. `"true"`: consent to delete a kind that is otherwise protected. */
export const PRUNE_ANNOTATION = "muster.dev/prune";
/** The field manager of everything that Muster applies. */
export const FIELD_MANAGER = "muster";

export interface Owner {
  /** Value of the owner label. */
  readonly hash: string;
  readonly app: AppName;
}

/** Another App has it. */
export interface OtherOwner {
  readonly kind: "other-app";
  /** Value of the owner label. */
  readonly hash: string;
  /** `project/name`, as the object says it; null when it does not. */
  readonly app: string | null;
}

export type Ownership = { readonly kind: "ours" } | OtherOwner | { readonly kind: "nobody" };

/**
 * First owner wins. An object is ours by label and annotation, or when it is the very object (same uid) that we
 * recorded: somebody who strips our label does not take the object away from us.
 */
export function judgeOwnership(live: Live, owner: Owner, recordedUid: string | undefined): Ownership {
  const hash = live.metadata.labels?.[OWNER_LABEL];
  const app = live.metadata.annotations?.[APP_ANNOTATION];
  if (hash === owner.hash && (app === undefined || app === formatApp(owner.app))) return { kind: "ours" };
  if (hash === undefined || hash === "") {
    return recordedUid !== undefined && recordedUid === live.metadata.uid ? { kind: "ours" } : { kind: "nobody" };
  }
  return { kind: "other-app", hash, app: app ?? null };
}

/** The other App as it may be told to people of this one's Project: whose it is, is nobody's business across Projects. */
export function describeOwner({ app }: OtherOwner, { project }: AppName): string {
  if (app === null) return "another App";
  return app.startsWith(`${project}/`) ? app : "an App of another Project";
}
