import { type MessagePort, parentPort } from "node:worker_threads";
import { bundleManifests } from "./bundle-manifests.ts";
import { type BundleAnswer, type BundleTask, unpackFiles } from "./bundle-task.ts";

// Reads, canonicalises, hashes and compresses: all that the hub's main thread must not.
const port = parentPort as MessagePort;

port.on("message", async (task: BundleTask) => {
  const reading = new Int32Array(task.reading);
  const result = await bundleManifests({ ...task.options, files: unpackFiles(task) }, (index) => {
    // The pool looks here when this worker dies or takes too long.
    Atomics.store(reading, 0, index);
  });
  Atomics.store(reading, 0, -1);
  if (result.kind === "invalid") {
    port.postMessage(result satisfies BundleAnswer);
    return;
  }
  const compressed = Uint8Array.from(result.bundle.compressed);
  const answer: BundleAnswer = { ...result, bundle: { ...result.bundle, compressed } };
  port.postMessage(answer, [compressed.buffer]);
});
