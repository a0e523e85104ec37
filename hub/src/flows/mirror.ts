import { AppError, isAppError } from "@muster/shared/errors.ts";
import { AUDIT_WAITING_MAX, type AuditEntry } from "../core/documents/audit-entry.ts";
import type { Noun } from "../core/documents/noun.ts";
import type { DocumentChange, Documents, Json, Version } from "../ports/store.ts";

interface Row<T> {
  readonly value: T;
  readonly version: Version;
}

export type MirrorListener<T> = (key: string, value: T | null, before: T | null) => void;

/** Compare-and-set attempts before a write is given back as a conflict: each lost to another writer. */
const ATTEMPTS_MAX = 16;

/**
 * One collection in memory, kept up to date by the store's watch and by its own writes, so that planning reads no disk.
 * Writes go to the store first and are seen here once they are durable; each is a function from the present value to
 * the next, applied by compare-and-set and applied again when another writer was faster. Writes of one document come
 * one after the other; listeners hear each new value once, in order, while the write still resolves.
 */
export class Mirror<T extends object> {
  readonly #documents: Documents;
  readonly #noun: Noun<T>;
  readonly #isDrained: (auditId: string) => boolean;
  readonly #rows = new Map<string, Row<T>>();
  /** Version at which a document was deleted here: an older change may still be under way from the watch. */
  readonly #deleted = new Map<string, Version>();
  readonly #writing = new Map<string, Promise<unknown>>();
  readonly #listeners = new Set<MirrorListener<T>>();

  constructor(documents: Documents, noun: Noun<T>, isDrained: (auditId: string) => boolean = () => false) {
    this.#documents = documents;
    this.#noun = noun;
    this.#isDrained = isDrained;
  }

  /**
   * Resolves when everything that is stored is here; follows changes until `signal` aborts. `ended` settles then, or
   * rejects with what broke the watch. @throws AppError "corrupt" when a stored document does not fit its schema.
   */
  async open(signal: AbortSignal): Promise<{ ended: Promise<void> }> {
    const changes = this.#documents.watch(this.#noun.collection, { signal })[Symbol.asyncIterator]();
    let listed = new Set<string>();
    const follow = (change: DocumentChange): boolean => {
      switch (change.kind) {
        case "put":
          listed.add(change.document.key);
          this.#take(change.document.key, change.document.value, change.document.version);
          return false;
        case "delete":
          this.#drop(change.key, change.version);
          return false;
        case "compacted":
          listed = new Set();
          return false;
        case "caught-up":
          for (const key of [...this.#rows.keys()]) if (!listed.has(key)) this.#drop(key, Number.MAX_SAFE_INTEGER);
          return true;
      }
    };
    for (let next = await changes.next(); !next.done; next = await changes.next()) if (follow(next.value)) break;
    const rest = async (): Promise<void> => {
      for (let next = await changes.next(); !next.done; next = await changes.next()) follow(next.value);
    };
    return { ended: rest() };
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): T | null {
    return this.#rows.get(key)?.value ?? null;
  }

  /** In no particular order. */
  *entries(): Generator<readonly [string, T]> {
    for (const [key, row] of this.#rows) yield [key, row.value];
  }

  *values(): Generator<T> {
    for (const row of this.#rows.values()) yield row.value;
  }

  onChange(listener: MirrorListener<T>): void {
    this.#listeners.add(listener);
  }

  /**
   * Writes what `change` makes of the present value (null: there is none); null or the same value means no write.
   * Resolves with the value in force when it is stored. @throws what `change` throws; AppError of the store; "invalid"
   * for what would not fit the schema.
   */
  write(key: string, change: (current: T | null) => T | null, opts: { durable?: boolean } = {}): Promise<T | null> {
    return this.#inTurn(key, async () => {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
        const row = this.#rows.get(key);
        // What was told already is no reason to refuse a change for being told too much.
        const current = row === undefined ? null : this.#withoutDrained(row.value);
        const changed = change(current);
        if (changed === null || changed === current) return row?.value ?? null;
        const next = this.#withoutDrained(changed);
        this.#refuseUnreadable(key, next, row?.value ?? null);
        try {
          const ifVersion = row?.version ?? null;
          const at = { collection: this.#noun.collection, key };
          const version = await this.#documents.put(at, next as unknown as Json, { ifVersion, ...opts });
          this.#set(key, { value: next, version });
          return next;
        } catch (error) {
          if (!isAppError(error, "conflict")) throw error;
          await this.#refresh(key);
        }
      }
      throw new AppError("conflict", `${this.#noun.collection}/${key} is being changed by others all the time`, {
        retryable: true,
      });
    });
  }

  /** Deletes while `isStillWanted` holds for the present value. */
  remove(key: string, isStillDue: (current: T) => boolean = () => true): Promise<void> {
    return this.#inTurn(key, async () => {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
        const row = this.#rows.get(key);
        if (row === undefined || !isStillDue(row.value)) return;
        try {
          await this.#documents.delete({ collection: this.#noun.collection, key }, { ifVersion: row.version });
          this.#drop(key, row.version);
          this.#deleted.set(key, row.version);
          return;
        } catch (error) {
          if (!isAppError(error, "conflict")) throw error;
          await this.#refresh(key);
        }
      }
    });
  }

  #inTurn<R>(key: string, work: () => Promise<R>): Promise<R> {
    const before = this.#writing.get(key) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#writing.set(key, turn);
    const done = (): void => {
      if (this.#writing.get(key) === turn) this.#writing.delete(key);
    };
    turn.then(done, done);
    return turn;
  }

  async #refresh(key: string): Promise<void> {
    const stored = await this.#documents.get({ collection: this.#noun.collection, key });
    if (stored === null) this.#drop(key, Number.MAX_SAFE_INTEGER);
    else this.#take(key, stored.value, stored.version);
  }

  #take(key: string, json: Json, version: Version): void {
    if (version <= (this.#rows.get(key)?.version ?? this.#deleted.get(key) ?? -1)) return;
    const parsed = this.#noun.schema.safeParse(json);
    if (!parsed.success) {
      const message = `the stored document ${this.#noun.collection}/${key} does not have the expected form`;
      throw new AppError("corrupt", message, { cause: parsed.error });
    }
    this.#set(key, { value: parsed.data, version });
  }

  #set(key: string, row: Row<T>): void {
    const before = this.#rows.get(key);
    if (before !== undefined && before.version >= row.version) return;
    this.#deleted.delete(key);
    this.#rows.set(key, row);
    for (const listener of this.#listeners) listener(key, row.value, before?.value ?? null);
  }

  #drop(key: string, version: Version): void {
    this.#deleted.delete(key);
    const before = this.#rows.get(key);
    if (before === undefined || before.version > version) return;
    this.#rows.delete(key);
    for (const listener of this.#listeners) listener(key, null, before.value);
  }

  /** What could not be read again must not be stored: a hub that finds it at its next start does not start. */
  #refuseUnreadable(key: string, value: T, before: T | null): void {
    const parsed = this.#noun.schema.safeParse(this.#unchecked(value, before));
    if (parsed.success) return;
    const [issue] = parsed.error.issues;
    const what = `${issue?.path.join(".")}: ${issue?.message}`;
    throw new AppError("invalid", `the document ${this.#noun.collection}/${key} is not written: ${what}`);
  }

  /** The value with those of its entries only that were not read or checked before. */
  #unchecked(value: T, before: T | null): T {
    const { entries: field } = this.#noun;
    if (field === undefined || before === null) return value;
    const known = before[field] as Readonly<Record<string, unknown>>;
    const fresh = Object.entries(value[field] as object).filter(([key, entry]) => known[key] !== entry);
    return { ...value, [field]: Object.fromEntries(fresh) };
  }

  /** Entries that the journal holds already need not travel any further. */
  #withoutDrained(value: T): T {
    const { audit } = value as { audit?: readonly AuditEntry[] };
    if (audit === undefined || audit.length === 0) return value;
    const waiting = audit.filter((entry) => !this.#isDrained(entry.id));
    if (waiting.length > AUDIT_WAITING_MAX) {
      throw new AppError("unavailable", "the audit log takes no entries, so nothing more is changed until it does");
    }
    return waiting.length === audit.length ? value : { ...value, audit: waiting };
  }
}
