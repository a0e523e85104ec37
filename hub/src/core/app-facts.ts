import type { AppName, ClusterId, Digest } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { AssignedEntry } from "./documents/assigned.ts";
import type { StoredApp } from "./documents/definition.ts";
import type { Intent } from "./documents/intent.ts";
import type { ObservedEntry } from "./documents/observed.ts";
import type { Release } from "./documents/release.ts";
import type { SourceStatus } from "./documents/source-status.ts";
import type { HeldRelease } from "./explain-removal.ts";
import type { RemovalVerdict } from "./removal-brake.ts";
import type { ClusterView } from "./views.ts";

/** One App in one cluster, as far as the hub knows. */
export interface PlacementFacts {
  readonly cluster: { readonly id: ClusterId; readonly name: string; readonly state: ClusterView["state"] };
  readonly isPlaced: boolean;
  readonly entry: AssignedEntry | null;
  readonly observed: ObservedEntry | null;
  /** What it waits for, of a cluster that the App leaves; absent or null: it does not leave. */
  readonly removal?: RemovalVerdict | null;
  /** Of a target Release with many variants, the one that this cluster gets, as far as it is known. */
  readonly wanted?: Digest | null;
}

/** Everything there is to say about one App: what `status`, `get` and `why` are computed from. */
export interface AppFacts {
  readonly name: AppName;
  /** Null for an App that is deleted and not yet gone from every cluster. */
  readonly stored: StoredApp | null;
  /** Null before the App's first plan. */
  readonly intent: Intent | null;
  readonly releases: ReadonlyMap<number, Release>;
  /** That is not held. */
  readonly newest: Release | null;
  /** Null: there is no such Source. */
  readonly source: SourceStatus | null;
  readonly isSourceThere: boolean;
  /** What is wrong with the newest Revision; the last good Release stays in force. */
  readonly renderProblems: readonly Problem[];
  /** Not wrong, but worth knowing of the newest Revision; absent: nothing. */
  readonly renderNotices?: readonly Problem[];
  readonly placements: readonly PlacementFacts[];
  /** The newest Release, while it waits for a person; absent or null: it does not. */
  readonly held?: HeldRelease | null;
  /** Names of clusters that its selector matches and its Project leaves out. */
  readonly outsideProject?: ReadonlySet<string>;
}
