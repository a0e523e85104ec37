import { AppError } from "./errors.ts";

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of `250ms`, `30s`, `5m`, `2h` or `7d`. @throws AppError "invalid" for any other text. */
export function parseDuration(text: string): number {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text);
  const ms = match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : Number.NaN;
  if (!Number.isSafeInteger(ms)) {
    throw new AppError("invalid", `${JSON.stringify(text.slice(0, 40))} is not a duration.`, {
      fix: "Write a whole number and a unit: 250ms, 30s, 5m, 2h or 7d.",
    });
  }
  return ms;
}

/**
 * For people, in the largest unit of which there are at least two, rounded down: `850 ms`, `41 s`, `90 s`, `12 min`,
 * `25 h`, `3 d`. Never reads longer than it was.
 */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < UNIT_MS.s) return `${Math.floor(ms)} ms`;
  if (ms < 2 * UNIT_MS.m) return `${Math.floor(ms / UNIT_MS.s)} s`;
  if (ms < 2 * UNIT_MS.h) return `${Math.floor(ms / UNIT_MS.m)} min`;
  if (ms < 2 * UNIT_MS.d) return `${Math.floor(ms / UNIT_MS.h)} h`;
  return `${Math.floor(ms / UNIT_MS.d)} d`;
}
