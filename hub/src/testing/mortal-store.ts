import { AppError } from "@muster/shared/errors.ts";
import type { Store } from "../ports/store.ts";

export interface MortalStore {
  readonly store: Store;
  /** Writes that were asked for so far. */
  readonly writes: number;
  readonly isDead: boolean;
}

/**
 * A store whose process is killed at its `at`-th write, just before or just after the write takes effect: from then on
 * nothing more happens. Counting alone: `at` beyond every write.
 */
export function mortalStore(inner: Store, at: number, when: "before" | "after"): MortalStore {
  let writes = 0;
  let isDead = false;
  const killed = (): never => {
    isDead = true;
    throw new AppError("unavailable", "killed");
  };
  /** Nothing reaches the store after death; a call that never answers would leave the test waiting. */
  const write = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isDead) return killed();
    writes += 1;
    if (writes < at) return work();
    if (writes > at) return killed();
    isDead = true;
    if (when === "after") await work();
    return killed();
  };
  const read = <T>(work: () => Promise<T>): Promise<T> => (isDead ? Promise.reject(new Error("killed")) : work());
  const { documents, blobs, journal } = inner;
  const store: Store = {
    documents: {
      get: (key) => read(() => documents.get(key)),
      put: (key, value, opts) => write(() => documents.put(key, value, opts)),
      delete: (key, opts) => write(() => documents.delete(key, opts)),
      list: (collection, opts) => read(() => documents.list(collection, opts)),
      watch: (collection, opts) => documents.watch(collection, opts),
    },
    blobs: {
      ...bind(blobs),
      put: (name, bytes) => write(() => blobs.put(name, bytes)),
      delete: (name) => write(() => blobs.delete(name)),
    },
    journal: {
      ...bind(journal),
      append: (stream, entries, opts) => write(() => journal.append(stream, entries, opts)),
    },
    leases: inner.leases,
    close: async () => {},
  };
  return {
    store,
    get writes() {
      return writes;
    },
    get isDead() {
      return isDead;
    },
  };
}

const bind = <T extends object>(target: T): T => ({ ...target });
