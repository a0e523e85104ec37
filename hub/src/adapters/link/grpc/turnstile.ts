import { AppError } from "@muster/shared/errors.ts";

/** Lets so many through at once; the rest wait in line, and who finds the line full is turned away. */
export interface Turnstile {
  /**
   * Resolves with the way out (call it once, more does nothing) when it is this one's turn.
   * @throws AppError "unavailable" when the line is full, "cancelled" when `signal` aborts first.
   */
  enter(signal?: AbortSignal): Promise<() => void>;
  readonly waiting: number;
}

export function createTurnstile(opts: { atOnceMax: number; waitingMax: number }): Turnstile {
  let inside = 0;
  const line = new Set<() => void>();

  const wayOut = (): (() => void) => {
    let isOut = false;
    return () => {
      if (isOut) return;
      isOut = true;
      inside -= 1;
      const [next] = line;
      next?.();
    };
  };

  return {
    async enter(signal) {
      if (signal?.aborted) throw new AppError("cancelled", "waiting for a turn", { cause: signal.reason });
      if (inside < opts.atOnceMax) {
        inside += 1;
        return wayOut();
      }
      if (line.size >= opts.waitingMax) {
        throw new AppError("unavailable", `${line.size} others are waiting already; try again in a while.`);
      }
      await new Promise<void>((resolve, reject) => {
        const leave = () => {
          line.delete(take);
          signal?.removeEventListener("abort", onAbort);
        };
        const take = () => {
          leave();
          inside += 1;
          resolve();
        };
        const onAbort = () => {
          leave();
          reject(new AppError("cancelled", "waiting for a turn", { cause: signal?.reason }));
        };
        line.add(take);
        signal?.addEventListener("abort", onAbort, { once: true });
      });
      return wayOut();
    },
    get waiting() {
      return line.size;
    },
  };
}
