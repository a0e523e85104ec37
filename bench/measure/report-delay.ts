// Preloaded into a hub (`--import`): answers on a socket how long its main thread was held up since it was last asked.
import { createServer } from "node:net";
import { isMainThread } from "node:worker_threads";
import { watchDelay } from "./event-loop-delay.ts";

const path = process.env.MUSTER_BENCH_DELAY_SOCKET;
if (isMainThread && path !== undefined) {
  const delay = watchDelay();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(`${delay.maxMs()}\n`);
    delay.reset();
  });
  server.listen(path);
  server.unref();
}
