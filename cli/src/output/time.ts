import { formatDuration } from "@muster/shared/duration.ts";

/** `41 s ago`; `in 3 h` for what is to come; `never` for null. */
export function relativeTime(iso: string | null, now: number): string {
  if (iso === null) return "never";
  const elapsedMs = now - Date.parse(iso);
  if (Number.isNaN(elapsedMs)) return iso;
  if (elapsedMs < 0) return `in ${formatDuration(-elapsedMs)}`;
  return elapsedMs < 1_000 ? "just now" : `${formatDuration(elapsedMs)} ago`;
}

/** The age alone, as tables show it under AGE. */
export function age(iso: string | null, now: number): string {
  if (iso === null) return "-";
  const elapsedMs = Math.max(0, now - Date.parse(iso));
  return Number.isNaN(elapsedMs) ? iso : elapsedMs < 1_000 ? "0 s" : formatDuration(elapsedMs);
}

/** How long a step took, for people who look at it: `312 ms`, `1.4 s`. */
export const tookText = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`);
