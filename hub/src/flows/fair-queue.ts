/**
 * Keys that wait, by group. Groups take turns, keys of one group keep their order, and each key waits once, in the group
 * that it came with.
 */
export class FairQueue {
  readonly #groupOfKey = new Map<string, string>();
  /** In the order in which groups have their turn. */
  readonly #groups = new Map<string, Set<string>>();

  get size(): number {
    return this.#groupOfKey.size;
  }

  has(key: string): boolean {
    return this.#groupOfKey.has(key);
  }

  add(key: string, group: string): void {
    if (this.has(key)) return;
    this.#groupOfKey.set(key, group);
    const keys = this.#groups.get(group);
    if (keys === undefined) this.#groups.set(group, new Set([key]));
    else keys.add(key);
  }

  /** Takes the next key of a group that may have one now; its group has the last turn from then on. */
  take(
    mayGroup: (group: string) => boolean,
    mayKey: (key: string) => boolean,
  ): { readonly key: string; readonly group: string } | null {
    for (const [group, keys] of this.#groups) {
      if (!mayGroup(group)) continue;
      for (const key of keys) {
        if (!mayKey(key)) continue;
        keys.delete(key);
        this.#groupOfKey.delete(key);
        this.#groups.delete(group);
        if (keys.size > 0) this.#groups.set(group, keys);
        return { key, group };
      }
    }
    return null;
  }

  clear(): void {
    this.#groupOfKey.clear();
    this.#groups.clear();
  }
}
