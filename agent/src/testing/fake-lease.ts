import { cancelled } from "@muster/shared/clock.ts";
import type { ClusterLease } from "../ports/agent-state.ts";

/** One cluster's Lease, shared by the agents of a test: the first to ask holds it until it is released or taken. */
export class FakeLeases {
  #fence = 0;
  #holder: { id: number; lost: AbortController } | null = null;
  #waiting: (() => void)[] = [];
  #ids = 0;

  /** False: as if the process had stood still until the Lease ran out, and no timer of it fired yet. */
  isHeld = true;

  /** As if renewals had failed for too long. */
  lose(): void {
    const holder = this.#holder;
    this.#holder = null;
    holder?.lost.abort();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  open(): ClusterLease {
    const id = ++this.#ids;
    return {
      acquire: async ({ signal }) => {
        while (this.#holder !== null && !signal.aborted) {
          await new Promise<void>((resolve) => {
            this.#waiting.push(resolve);
            signal.addEventListener("abort", () => resolve(), { once: true });
          });
        }
        if (signal.aborted) throw cancelled("waiting for the Lease", signal.reason);
        const lost = new AbortController();
        this.#holder = { id, lost };
        this.#fence += 1;
        return { fence: this.#fence, lost: lost.signal, isHeld: () => this.isHeld && !lost.signal.aborted };
      },
      release: async () => {
        if (this.#holder?.id !== id) return;
        this.#holder = null;
        for (const wake of this.#waiting.splice(0)) wake();
      },
    };
  }
}
