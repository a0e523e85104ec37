import { epoch } from "@muster/shared/model/mark.ts";
import { z } from "zod";
import { waitingAudit } from "./audit-entry.ts";
import type { Noun } from "./noun.ts";

/** `hub/epoch`: which life of its memory the hub is in, and what began it. */
export const hubEpoch = z.object({
  epoch,
  began: z.int(),
  /** In words: first start, or which agent showed what. */
  because: z.string().max(500),
  audit: waitingAudit,
});
export type HubEpoch = z.infer<typeof hubEpoch>;

export const hubEpochs: Noun<HubEpoch> = { collection: "hub", schema: hubEpoch };
export const HUB_EPOCH_KEY = "epoch";
