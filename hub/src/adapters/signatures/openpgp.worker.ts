import { type MessagePort, parentPort } from "node:worker_threads";
import { checkOpenPgp } from "./check-openpgp.ts";
import type { OpenPgpTask } from "./openpgp-task.ts";

// The only file that brings in openpgp: big numbers take long, and the library stays a file of its own in the bundle.
const port = parentPort as MessagePort;

port.on("message", async (task: OpenPgpTask) => {
  port.postMessage(await checkOpenPgp(task));
});
