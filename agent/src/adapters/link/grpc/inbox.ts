/**
 * Messages that wait for the flow that reads them. At its bound the source is paused, so the hub feels it, and is
 * resumed when half of them were read. Nothing is ever dropped: an assignment that is not read ends the session first.
 */
export interface Inbox<T> extends AsyncIterable<T> {
  put(message: T): void;
  /** Null: the iteration ends when everything was read; an error ends it then by throwing. */
  close(why: Error | null): void;
  readonly isPaused: boolean;
}

export function createInbox<T>(opts: { lengthMax: number; pause: () => void; resume: () => void }): Inbox<T> {
  let messages: T[] = [];
  let wake: (() => void) | null = null;
  let ended: { why: Error | null } | null = null;
  let isPaused = false;

  return {
    put(message) {
      if (ended !== null) return;
      messages.push(message);
      if (messages.length >= opts.lengthMax && !isPaused) {
        isPaused = true;
        opts.pause();
      }
      wake?.();
    },
    close(why) {
      ended ??= { why };
      wake?.();
    },
    get isPaused() {
      return isPaused;
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (messages.length === 0 && ended === null) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = null;
        }
        const batch = messages;
        messages = [];
        if (isPaused) {
          isPaused = false;
          opts.resume();
        }
        yield* batch;
        if (ended !== null && messages.length === 0) {
          if (ended.why !== null) throw ended.why;
          return;
        }
      }
    },
  };
}
