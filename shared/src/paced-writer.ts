/** The writable end of a stream, as far as pacing needs it. */
export interface PacedStream {
  /** False: it is full; wait for `drain`. */
  write(chunk: Uint8Array): boolean;
  once(event: "drain", callback: () => void): unknown;
}

/**
 * A bounded queue before a stream that respects its backpressure.
 *
 * Free: what is pushed is written at once. Blocked (a write answered false): messages wait, in order, within the bound;
 * one urgent message waits in front of them, a later one taking its place. `drain` goes on with what waits.
 */
export interface PacedWriter {
  /** False when the bound is reached: the other end does not keep up, and this message is not taken in. */
  push(chunk: Uint8Array): boolean;
  /** Goes before everything that waits. */
  pushUrgent(chunk: Uint8Array): void;
  readonly isBlocked: boolean;
  readonly waitingBytes: number;
  /** Rises with every chunk handed to the stream: tells slow from stuck. */
  readonly written: number;
  /** Forgets what waits and takes nothing in any more. */
  close(): void;
}

export function createPacedWriter(stream: PacedStream, opts: { bytesMax: number }): PacedWriter {
  let waiting: Uint8Array[] = [];
  let head = 0;
  let urgent: Uint8Array | null = null;
  let waitingBytes = 0;
  let isBlocked = false;
  let isClosed = false;
  let written = 0;

  const write = (chunk: Uint8Array): void => {
    written += 1;
    if (stream.write(chunk) || isClosed) return;
    isBlocked = true;
    stream.once("drain", () => {
      isBlocked = false;
      goOn();
    });
  };
  const goOn = (): void => {
    while (!isBlocked && !isClosed) {
      if (urgent !== null) {
        const chunk = urgent;
        urgent = null;
        write(chunk);
        continue;
      }
      const chunk = waiting[head];
      if (chunk === undefined) break;
      head += 1;
      waitingBytes -= chunk.byteLength;
      write(chunk);
    }
    if (head > 0 && (head === waiting.length || head > 1_024)) {
      waiting = waiting.slice(head);
      head = 0;
    }
  };

  return {
    push(chunk) {
      if (isClosed || (isBlocked && waitingBytes + chunk.byteLength > opts.bytesMax)) return false;
      waiting.push(chunk);
      waitingBytes += chunk.byteLength;
      goOn();
      return true;
    },
    pushUrgent(chunk) {
      if (isClosed) return;
      urgent = chunk;
      goOn();
    },
    close() {
      isClosed = true;
      waiting = [];
      head = 0;
      urgent = null;
      waitingBytes = 0;
    },
    get isBlocked() {
      return isBlocked;
    },
    get waitingBytes() {
      return waitingBytes;
    },
    get written() {
      return written;
    },
  };
}
