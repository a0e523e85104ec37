import type { Clock } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import { HUB_ACTOR } from "../core/documents/audit-entry.ts";
import { HUB_EPOCH_KEY, type HubEpoch } from "../core/documents/hub-epoch.ts";
import { nextEpoch, type Place } from "../core/epoch.ts";
import type { HubState } from "./hub-state.ts";

interface Deps {
  readonly state: HubState;
  readonly clock: Clock;
  readonly newTag: () => string;
  readonly log: Log;
}

/** The first epoch of a new hub; nothing for one that has an epoch. */
export async function openEpoch({ state, clock, newTag }: Deps): Promise<void> {
  await state.epochs.write(HUB_EPOCH_KEY, (current) =>
    current === null ? begun({ number: 1, tag: newTag() }, clock.now(), "first start") : null,
  );
}

/**
 * Begins a new epoch when agents proved marks that the hub does not remember giving: it was restored from a copy.
 * Resolves with whether a new one began.
 */
export async function beginEpoch(deps: Deps, proven: readonly Place[], because: string): Promise<boolean> {
  const { state, clock, newTag, log } = deps;
  let hasBegun = false;
  const after = await state.epochs.write(HUB_EPOCH_KEY, (current) => {
    hasBegun = false;
    if (current === null) return null;
    const epoch = nextEpoch(current.epoch, proven, newTag());
    if (epoch === null) return null;
    hasBegun = true;
    return {
      ...begun(epoch, clock.now(), because),
      audit: [...current.audit, ...begun(epoch, clock.now(), because).audit],
    };
  });
  if (hasBegun)
    log.warn({ epoch: after?.epoch.number, because }, "a new epoch began: this hub has forgotten something");
  return hasBegun;
}

function begun(epoch: HubEpoch["epoch"], now: number, because: string): HubEpoch {
  return {
    epoch,
    began: now,
    because,
    audit: [
      {
        id: `epoch.${epoch.number}.${epoch.tag}`,
        at: now,
        actor: HUB_ACTOR,
        action: "EpochBegan",
        subject: "hub",
        detail: `epoch ${epoch.number}: ${because}`,
      },
    ],
  };
}
