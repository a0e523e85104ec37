import { AppError } from "@muster/shared/errors.ts";

/** Which one-time values were used within a window. Bounded: when it is full of young ones, nothing new is let in. */
export interface NonceMemory {
  /** False when it was used before. @throws AppError "unavailable" when the memory is full. */
  remember(nonce: string, now: number): boolean;
}

export function createNonceMemory(opts: { keepMs: number; lengthMax: number }): NonceMemory {
  // In the order of insertion, so the oldest come first.
  const usedAt = new Map<string, number>();
  return {
    remember(nonce, now) {
      for (const [old, at] of usedAt) {
        if (at + opts.keepMs > now) break;
        usedAt.delete(old);
      }
      if (usedAt.has(nonce)) return false;
      if (usedAt.size >= opts.lengthMax) throw new AppError("unavailable", "the hub is busy renewing; try again.");
      usedAt.set(nonce, now);
      return true;
    },
  };
}
