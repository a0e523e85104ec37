import { formatApp } from "@muster/shared/model/ids.ts";
import { type ObjectRef, objectKey } from "@muster/shared/model/object-ref.ts";
import type { OtherOwner, Owner } from "../core/ownership.ts";
import type { ApplyPlan, LiveKnowledge } from "../core/plan-apply.ts";
import type { PruneStep } from "../core/plan-prune.ts";
import type { LiveWatch } from "./watch-drift.ts";

type Live = ReadonlyMap<string, LiveKnowledge>;

/**
 * Objects that are being written or deleted at this moment, and by which App. Several Apps are worked on at once: two
 * that looked when an object was in nobody's hands would otherwise both take it, and the later one would win; and one
 * that hands an object over could still delete it after the other has taken it.
 */
export class Claims {
  readonly #makers = new Map<string, Owner>();
  /** New Apps that are about to ask for objects, by the order in which they came. */
  readonly #candidates = new Map<Owner, { readonly order: number; readonly keys: ReadonlySet<string> }>();

  /** A new App knows what it wants: of several the one that came first gets it. Returns the way to withdraw. */
  announce(owner: Owner, order: number, refs: readonly ObjectRef[]): () => void {
    this.#candidates.set(owner, { order, keys: new Set(refs.map(objectKey)) });
    return () => void this.#candidates.delete(owner);
  }

  /**
   * What was looked up, as it is by now: an object that another App makes, made since, or came first for, is that
   * App's. Null while an App that this one hands objects to, or takes them from, is at one of them: look again later.
   * To be asked in the same turn as `take`.
   */
  settle(
    live: Live,
    owner: Owner,
    { watch, takesOver = NOBODY }: { watch: Pick<LiveWatch, "find">; takesOver?: ReadonlySet<string> },
  ): Live | null {
    const settled = new Map(live);
    for (const [key, known] of live) {
      if (known.kind === "unreadable") continue;
      const maker = this.#makers.get(key);
      const isMadeByOther = maker !== undefined && maker.hash !== owner.hash;
      const isOurs = known.kind === "present" && known.ownership.kind === "ours";
      if (isMadeByOther && (isOurs || takesOver.has(maker.hash))) return null;
      if (known.kind === "present" && known.ownership.kind === "other-app") continue;
      const other = isMadeByOther
        ? otherOf(maker)
        : (seenOf(owner, key, watch) ?? (isOurs ? null : this.#firstComer(owner, key)));
      if (other === null) continue;
      settled.set(key, { kind: "present", uid: "", ownership: other, body: "unknown", drift: [] });
    }
    return settled;
  }

  /** Claims what the plan writes and deletes; returns the way to let go of it, once it carries its owner's label. */
  take(plan: Pick<ApplyPlan, "groups" | "prune">, owner: Owner): () => void {
    const written = plan.groups.flat().flatMap((step) => (step.kind === "apply" ? [objectKey(step.ref)] : []));
    const taken = [...written, ...prunedBy(plan.prune)];
    for (const key of taken) this.#makers.set(key, owner);
    return () => {
      for (const key of taken) if (this.#makers.get(key) === owner) this.#makers.delete(key);
    };
  }

  #firstComer(owner: Owner, key: string): OtherOwner | null {
    const own = this.#candidates.get(owner);
    if (own === undefined) return null;
    for (const [other, { order, keys }] of this.#candidates) {
      if (order < own.order && other.hash !== owner.hash && keys.has(key)) return otherOf(other);
    }
    return null;
  }
}

const NOBODY: ReadonlySet<string> = new Set();

const prunedBy = (groups: readonly (readonly PruneStep[])[]): readonly string[] =>
  groups.flat().flatMap((step) => (step.kind === "prune" ? [objectKey(step.ref)] : []));

const otherOf = ({ hash, app }: Owner): OtherOwner => ({ kind: "other-app", hash, app: formatApp(app) });

function seenOf(owner: Owner, key: string, watch: Pick<LiveWatch, "find">): OtherOwner | null {
  const seen = watch.find(key);
  if (seen === undefined || seen.ownerHash === "" || seen.ownerHash === owner.hash) return null;
  return { kind: "other-app", hash: seen.ownerHash, app: seen.app ?? null };
}
