import { cancelled } from "./clock.ts";

export interface BoundedQueueOptions {
  readonly lengthMax: number;
  /** What happens to an item that finds the queue full: it pushes the oldest out, or is not taken in. */
  readonly onFull: "drop-oldest" | "refuse";
}

/**
 * A first-in first-out queue that cannot outgrow its bound.
 *
 * Open: `push` and `take` work. Closed (`close`): `push` refuses, items already in are still taken, and then every
 * waiting and later `take` rejects with AppError "cancelled", while an iteration ends normally.
 */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #lengthMax: number;
  readonly #onFull: BoundedQueueOptions["onFull"];
  // A ring: shift() on a long array moves every element.
  #ring: (T | undefined)[] = [];
  #head = 0;
  #length = 0;
  #closed = false;
  #droppedTotal = 0;
  readonly #takers = new Set<{ give(item: T): void; end(): void }>();

  constructor(options: BoundedQueueOptions) {
    if (!Number.isInteger(options.lengthMax) || options.lengthMax < 1) {
      throw new RangeError(`lengthMax must be a positive integer, not ${options.lengthMax}`);
    }
    this.#lengthMax = options.lengthMax;
    this.#onFull = options.onFull;
  }

  get length(): number {
    return this.#length;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Items that were pushed out or refused because the queue was full. For metrics. */
  get droppedTotal(): number {
    return this.#droppedTotal;
  }

  /** False when the item was not taken in: the queue is closed, or it is full and refuses. */
  push(item: T): boolean {
    if (this.#closed) return false;
    const taker = this.#firstTaker();
    if (taker) {
      taker.give(item);
      return true;
    }
    if (this.#length === this.#lengthMax) {
      this.#droppedTotal += 1;
      if (this.#onFull === "refuse") return false;
      this.#shift();
    }
    this.#append(item);
    return true;
  }

  /** The oldest item, waiting for one if need be. @throws AppError "cancelled" on abort, or closed and empty. */
  take(signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(cancelled("waiting for a queue", signal.reason));
    if (this.#length > 0) return Promise.resolve(this.#shift());
    if (this.#closed) return Promise.reject(cancelled("waiting for a queue that was closed"));
    return new Promise<T>((resolve, reject) => {
      const finish = () => {
        this.#takers.delete(taker);
        signal?.removeEventListener("abort", onAbort);
      };
      const taker = {
        give: (item: T) => {
          finish();
          resolve(item);
        },
        end: () => {
          finish();
          reject(cancelled("waiting for a queue that was closed"));
        },
      };
      const onAbort = () => {
        finish();
        reject(cancelled("waiting for a queue", signal?.reason));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#takers.add(taker);
    });
  }

  /** The oldest item if there is one, without waiting. */
  poll(): T | undefined {
    return this.#length > 0 ? this.#shift() : undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const taker of [...this.#takers]) taker.end();
  }

  /** Takes items until the queue is closed and empty, or `signal` aborts; both end the loop normally. */
  async *items(signal?: AbortSignal): AsyncGenerator<T, void, void> {
    for (;;) {
      if (signal?.aborted || (this.#closed && this.#length === 0)) return;
      let item: T;
      try {
        item = await this.take(signal);
      } catch (error) {
        if (signal?.aborted || this.#closed) return;
        throw error;
      }
      yield item;
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    return this.items();
  }

  #firstTaker() {
    for (const taker of this.#takers) return taker;
    return undefined;
  }

  #append(item: T): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) % this.#ring.length] = item;
    this.#length += 1;
  }

  #shift(): T {
    const item = this.#ring[this.#head] as T;
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#length -= 1;
    return item;
  }

  #grow(): void {
    const size = Math.min(this.#lengthMax, Math.max(8, this.#ring.length * 2));
    const ring = new Array<T | undefined>(size);
    for (let i = 0; i < this.#length; i++) ring[i] = this.#ring[(this.#head + i) % this.#ring.length];
    this.#ring = ring;
    this.#head = 0;
  }
}
