import { createHash } from "node:crypto";
import type { Dispatcher } from "undici";
import type { ConnectionOptions, DispatcherOf } from "./judged-dispatcher.ts";

const DISPATCHERS_MAX = 64;

/**
 * One dispatcher, and so one set of open connections, for all requests with the same CA, certificate and proxy. The one
 * that was used longest ago makes room; what it is in the middle of ends first.
 */
export function createDispatcherCache(dispatcherOf: DispatcherOf): {
  get(options: ConnectionOptions): Dispatcher;
  close(): Promise<void>;
} {
  const dispatchers = new Map<string, Dispatcher>();
  return {
    get({ tls, proxy }) {
      // Keys hold secrets, so what is kept of them is their digest.
      const key = createHash("sha256")
        .update(JSON.stringify([tls.ca, tls.client, proxy]))
        .digest("hex");
      const dispatcher = dispatchers.get(key) ?? dispatcherOf({ tls, proxy });
      dispatchers.delete(key);
      dispatchers.set(key, dispatcher);
      const [oldest] = dispatchers.keys();
      if (dispatchers.size > DISPATCHERS_MAX && oldest !== undefined) {
        void dispatchers.get(oldest)?.close();
        dispatchers.delete(oldest);
      }
      return dispatcher;
    },
    async close() {
      const all = [...dispatchers.values()];
      dispatchers.clear();
      await Promise.all(all.map((dispatcher) => dispatcher.destroy()));
    },
  };
}
