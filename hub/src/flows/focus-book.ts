import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";

/** Clusters that are to be planned anew; null: all of the App's. */
export type Focus = ReadonlySet<ClusterId> | null;

/**
 * What has to be planned of each App: nothing, some clusters, or all. It grows until a plan that saw all of it found
 * nothing to do; what was added while that plan was made stays.
 */
export class FocusBook {
  readonly #open = new Map<AppUid, Set<ClusterId> | null>();

  add(app: AppUid, clusters: Iterable<ClusterId> | null): void {
    const known = this.#open.get(app);
    if (clusters === null || known === null) {
      // A set of its own, so that `settle` sees that it was asked for again.
      this.#open.set(app, null);
      this.#again.add(app);
      return;
    }
    this.#open.set(app, new Set([...(known ?? []), ...clusters]));
  }

  /** Undefined: nothing. */
  of(app: AppUid): Focus | undefined {
    this.#again.delete(app);
    return this.#open.get(app);
  }

  /** Nothing is left to do for what `of` answered last. */
  settle(app: AppUid, on: Focus): void {
    if (this.#open.get(app) === on && !this.#again.has(app)) this.#open.delete(app);
  }

  /** Asked for as a whole since `of` answered. */
  readonly #again = new Set<AppUid>();
}
