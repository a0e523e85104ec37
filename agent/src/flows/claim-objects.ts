import { formatApp } from "@muster/shared/model/ids.ts";
import { objectKey } from "@muster/shared/model/object-ref.ts";
import type { Owner } from "../core/ownership.ts";
import type { ApplyPlan, LiveKnowledge } from "../core/plan-apply.ts";
import type { LiveWatch } from "./watch-drift.ts";

/**
 * Objects that are being made at this moment, and for which App. Several Apps are worked on at once: two that looked
 * when an object was in nobody's hands would otherwise both take it, and the later one would win.
 */
export class Claims {
  readonly #makers = new Map<string, Owner>();

  /**
   * What was looked up, as it is by now: an object that another App makes, or made since, is that App's. To be asked
   * in the same turn as `take`.
   */
  settle(
    live: ReadonlyMap<string, LiveKnowledge>,
    owner: Owner,
    watch: Pick<LiveWatch, "find">,
  ): ReadonlyMap<string, LiveKnowledge> {
    const settled = new Map(live);
    for (const [key, known] of live) {
      if (known.kind === "unreadable" || (known.kind === "present" && known.ownership.kind !== "nobody")) continue;
      const other = this.#otherThan(owner, key, watch);
      if (other === null) continue;
      const ownership = { kind: "other-app", app: other } as const;
      settled.set(key, { kind: "present", uid: "", ownership, body: "unknown", drift: [] });
    }
    return settled;
  }

  /** Claims what the plan makes or takes over; returns the way to let go of it, once it carries its owner's label. */
  take(plan: ApplyPlan, owner: Owner): () => void {
    const taken = plan.groups
      .flat()
      .flatMap((step) => (step.kind === "apply" && step.cause !== "changed" ? [objectKey(step.ref)] : []));
    for (const key of taken) this.#makers.set(key, owner);
    return () => {
      for (const key of taken) if (this.#makers.get(key) === owner) this.#makers.delete(key);
    };
  }

  #otherThan(owner: Owner, key: string, watch: Pick<LiveWatch, "find">): string | null {
    const maker = this.#makers.get(key);
    if (maker !== undefined && maker.hash !== owner.hash) return formatApp(maker.app);
    const seen = watch.find(key);
    if (seen === undefined || seen.ownerHash === "" || seen.ownerHash === owner.hash) return null;
    return seen.app ?? `the owner ${seen.ownerHash}`;
  }
}
