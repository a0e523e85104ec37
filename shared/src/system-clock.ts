import { setTimeout as wait } from "node:timers/promises";
import { type Clock, cancelled } from "./clock.ts";

/** The machine's own clock: the one place that asks it. A pending sleep keeps the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    // Node's timers hold 31 bits; a longer wait would fire at once.
    for (let left = ms; ; left -= SLEEP_MS_MAX) {
      try {
        await wait(Math.min(Math.max(left, 0), SLEEP_MS_MAX), undefined, { signal });
      } catch (error) {
        throw cancelled("sleep", error);
      }
      if (left <= SLEEP_MS_MAX) return;
    }
  },
};

const SLEEP_MS_MAX = 2 ** 31 - 1;
