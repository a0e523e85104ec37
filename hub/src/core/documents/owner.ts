import { z } from "zod";

const scoped = z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+$/);

/** Who alone may change or delete a definition, or a label of a cluster. Sources and AppSets are told as `project/name`. */
export const owner = z.union([
  z.literal("api"),
  z.object({ source: scoped }),
  /** `item`: what of its generator the App comes from; the same for as long as that is there. */
  z.object({ appSet: scoped, item: z.string().max(1_200) }),
]);
export type Owner = z.infer<typeof owner>;

export const API_OWNER = "api" satisfies Owner;

/** Whether two owners are one; the items of an AppSet have one owner. */
export const isSameOwner = (one: Owner, other: Owner): boolean => ownerName(one) === ownerName(other);

/** How people are told of an owner: `the API`, `Source storefront/fleet`. */
export function ownerName(of: Owner): string {
  if (of === "api") return "the API";
  return "source" in of ? `Source ${of.source}` : `AppSet ${of.appSet}`;
}
