import type { Assignment, SignedAssignment } from "@muster/shared/model/assignment.ts";
import { type AppUid, type Digest, formatApp } from "@muster/shared/model/ids.ts";
import type { AppRecord } from "@muster/shared/model/inventory.ts";
import type { Mark } from "@muster/shared/model/mark.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { ReportPhase } from "@muster/shared/model/report.ts";
import type { SyncState } from "@muster/shared/model/status.ts";
import type { Judgement } from "../core/health/verdict.ts";
import { unionInventory } from "../core/inventory.ts";
import type { Owner } from "../core/ownership.ts";
import type { DriftRecord } from "../core/summarize.ts";
import { ownerHash } from "./trust.ts";

/** What is known of one object of the bundle in force. Small: there is one for every object in the cluster. */
export interface ObjectState {
  readonly ref: ObjectRef;
  /** Hash of the body that was last accepted and still stands; null: not known. */
  appliedHash: string | null;
  /** The live object in which no drift was found, told by its version and, where there is one, its fingerprint. */
  clean: { readonly fingerprint: string | null; readonly resourceVersion: string } | null;
  uid: string | null;
  sync: SyncState;
  health: Judgement;
  problem: Problem | null;
  /** Healing slows down while somebody keeps undoing it. */
  heals: { readonly count: number; readonly lastAt: number; readonly notBefore: number } | null;
}

/** One App in this cluster, in memory. */
export interface AppEntry {
  readonly uid: AppUid;
  readonly owner: Owner;
  /** Apps are numbered as they come: of two new ones that want one object the first gets it. */
  readonly order: number;
  /** In force: verified, and its mark is newer than everything before. */
  assignment: Assignment;
  /** As it is to be persisted. */
  record: AppRecord;
  /** The record that the state holds for sure, or null. */
  stored: AppRecord | null;
  phase: ReportPhase;
  /** The assignment that was carried out to its end; another object than `assignment` while work is left. */
  done: Assignment | null;
  readonly objects: Map<string, ObjectState>;
  /** Objects that left the bundle and stay in the cluster. */
  retained: readonly { readonly ref: ObjectRef; readonly awaitsConsent: boolean; readonly reason: string }[];
  /** What went wrong with the App as a whole; objects hold their own. */
  problems: readonly Problem[];
  /** Newest first. */
  drift: readonly DriftRecord[];
  pruned: number;
  /** Keys of objects that were deleted and that finalizers still hold: they count as pruned once they are gone. */
  ending: ReadonlySet<string>;
  /** Objects of which something was heard since they were last looked at. */
  readonly dirty: Set<string>;
  /** Aborts when a newer assignment comes into force: ends waits that have become pointless. */
  superseded: AbortController;
  /** Failures in a row. */
  failures: number;
}

/** Every App of this cluster, by uid and by owner. Lives as long as this process holds the Lease. */
export class AppBook {
  readonly #byUid = new Map<AppUid, AppEntry>();
  readonly #byOwner = new Map<string, AppEntry>();
  readonly #removed = new Map<AppUid, Mark>();
  #order = 0;

  get(uid: AppUid): AppEntry | undefined {
    return this.#byUid.get(uid);
  }

  all(): Iterable<AppEntry> {
    return this.#byUid.values();
  }

  get size(): number {
    return this.#byUid.size;
  }

  /** The App that owns objects with this label now. */
  byOwner(hash: string): AppEntry | undefined {
    return this.#byOwner.get(hash);
  }

  /** The mark held for an App, also for one that was removed. */
  markOf(uid: AppUid): Mark | null {
    return this.#byUid.get(uid)?.record.mark ?? this.#removed.get(uid) ?? null;
  }

  /** From the state, at the start. */
  restore(owner: Owner, record: AppRecord, assignment: Assignment): AppEntry {
    const entry = newEntry(owner, record, assignment, this.#order++);
    entry.stored = record;
    this.#byUid.set(entry.uid, entry);
    // Of two Apps that were made under one name the one that inherited the objects is the present one.
    const other = this.#byOwner.get(owner.hash);
    if (other === undefined || isHeir(entry, other)) this.#byOwner.set(owner.hash, entry);
    return entry;
  }

  restoreRemoved(mark: Mark): void {
    this.#removed.set(mark.appUid, mark);
  }

  /**
   * A verified, newer assignment comes into force. An App made again under an old name inherits what the former one
   * owns, so that the former one's tombstone deletes nothing that the new one needs.
   */
  accept(owner: Owner, assignment: Assignment, signed: SignedAssignment, mark: Mark): AppEntry {
    const known = this.#byUid.get(mark.appUid);
    if (known) {
      const digest = digestOf(assignment);
      known.record = {
        ...known.record,
        mark,
        assignment: toRecordAssignment(signed),
        // From here on the cluster may hold a mixture of both bundles.
        appliedDigest: digest === known.record.appliedDigest ? digest : null,
      };
      known.assignment = assignment;
      // What is known so far is of the former assignment, and must never be told as being of this one.
      known.phase = "Pending";
      known.pruned = 0;
      known.ending = new Set();
      known.failures = 0;
      known.problems = [];
      known.superseded.abort();
      known.superseded = new AbortController();
      return known;
    }
    const record: AppRecord = {
      app: assignment.app,
      mark,
      assignment: toRecordAssignment(signed),
      appliedDigest: null,
      inventory: [],
      recentDigests: [],
    };
    const entry = newEntry(owner, record, assignment, this.#order++);
    this.#byUid.set(entry.uid, entry);
    const former = this.#byOwner.get(owner.hash);
    if (assignment.content.kind === "run") {
      if (former) this.#inherit(entry, former);
      this.#byOwner.set(owner.hash, entry);
    } else if (former === undefined) this.#byOwner.set(owner.hash, entry);
    return entry;
  }

  /** Whether another App under the same name owns the objects now. */
  isInherited(entry: AppEntry): boolean {
    return this.#byOwner.get(entry.owner.hash) !== entry;
  }

  /** Apps that bore this one's name before it. */
  *formersOf(entry: AppEntry): Iterable<AppEntry> {
    for (const other of this.#byUid.values()) {
      if (other !== entry && other.owner.hash === entry.owner.hash) yield other;
    }
  }

  /** Apps that this one takes objects over from, as far as they are here. */
  *predecessorsOf(entry: AppEntry): Iterable<AppEntry> {
    for (const hash of takenFrom(entry)) {
      const other = this.#byOwner.get(hash);
      if (other !== undefined) yield other;
    }
  }

  /** An App that takes objects over from this one and is not through with that, or null. */
  successorOf(entry: AppEntry): AppEntry | null {
    for (const other of this.#byUid.values()) {
      // One that is at pruning has applied everything. Two that exchange objects would wait for each other otherwise.
      const isThrough = other.done === other.assignment || other.phase === "Pruning";
      if (!isThrough && takenFrom(other).has(entry.owner.hash)) return other;
    }
    return null;
  }

  drop(entry: AppEntry, mark: Mark): void {
    this.#byUid.delete(entry.uid);
    if (this.#byOwner.get(entry.owner.hash) === entry) {
      this.#byOwner.delete(entry.owner.hash);
      // Another App of that name, if there is one, is the present one now.
      const [next] = this.formersOf(entry);
      if (next) this.#byOwner.set(next.owner.hash, next);
    }
    this.#removed.set(mark.appUid, mark);
  }

  /** Every bundle that may be needed without the hub. */
  bundlesInUse(): ReadonlySet<Digest> {
    const digests = new Set<Digest>();
    for (const { record, assignment } of this.#byUid.values()) {
      for (const digest of record.recentDigests) digests.add(digest);
      if (record.appliedDigest) digests.add(record.appliedDigest);
      if (assignment.content.kind === "run") digests.add(assignment.content.bundle.digest);
    }
    return digests;
  }

  #inherit(entry: AppEntry, former: AppEntry): void {
    const held = [...entry.record.inventory, ...former.record.inventory];
    const union = unionInventory(
      held,
      held.map(({ ref }) => ref),
    );
    entry.record = { ...entry.record, inventory: [...union], inheritedFrom: former.uid };
    former.superseded.abort();
  }
}

/** Both records may name the objects: the agent can die between the heir's write and the former one's. */
const isHeir = (entry: AppEntry, other: AppEntry): boolean =>
  entry.record.inheritedFrom === other.uid ||
  (other.record.inheritedFrom !== entry.uid && other.record.inventory.length === 0);

function newEntry(owner: Owner, record: AppRecord, assignment: Assignment, order: number): AppEntry {
  return {
    uid: record.app.uid,
    owner,
    order,
    assignment,
    record,
    stored: null,
    phase: "Pending",
    done: null,
    objects: new Map(),
    retained: [],
    problems: [],
    drift: [],
    pruned: 0,
    ending: new Set(),
    dirty: new Set(),
    superseded: new AbortController(),
    failures: 0,
  };
}

/** Owner labels of the Apps whose objects this one takes over: of its own Project only, and never its own. */
export function takenFrom({ assignment: { hubId, app, content } }: AppEntry): ReadonlySet<string> {
  const names = content.kind === "run" ? (content.takesOverFrom ?? []) : [];
  const others = names.filter((name) => name !== app.name);
  return new Set(others.map((name) => ownerHash(hubId, { project: app.project, name })));
}

export const digestOf = (assignment: Assignment): Digest | null =>
  assignment.content.kind === "run" ? assignment.content.bundle.digest : null;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

const toRecordAssignment = (signed: SignedAssignment): AppRecord["assignment"] => ({
  payload: base64(signed.payload),
  keyId: signed.keyId,
  signature: base64(signed.signature),
});

export const fromRecordAssignment = (record: AppRecord): SignedAssignment => ({
  payload: Buffer.from(record.assignment.payload, "base64"),
  keyId: record.assignment.keyId,
  signature: Buffer.from(record.assignment.signature, "base64"),
});

/** The fields that every event of an App's flow carries. */
export const idsOf = (entry: AppEntry): { app: string; generation: number } => ({
  app: formatApp(entry.owner.app),
  generation: entry.assignment.generation,
});
