import { oneLine } from "./printable.ts";

const SHOWN_MAX = 5;

/** `1 cluster`, `3 clusters` */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** `2 clusters (prod-eu-1, prod-eu-2)`, with the first few of the names. */
export function countedNames(names: readonly string[], noun: string): string {
  const shown = names.slice(0, SHOWN_MAX).map(oneLine).join(", ");
  const more = names.length > SHOWN_MAX ? ", …" : "";
  return `${counted(names.length, noun)} (${shown}${more})`;
}
