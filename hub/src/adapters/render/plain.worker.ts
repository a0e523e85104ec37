import { type MessagePort, parentPort } from "node:worker_threads";
import { type PlainAnswer, type PlainTask, unpackFiles } from "./plain-task.ts";
import { renderPlain } from "./render-plain.ts";

// Reads, canonicalises, hashes and compresses: all that the hub's main thread must not.
const port = parentPort as MessagePort;

port.on("message", (task: PlainTask) => {
  const reading = new Int32Array(task.reading);
  const result = renderPlain({ files: unpackFiles(task), limits: task.limits }, (index) => {
    // The pool looks here when this worker dies or takes too long.
    Atomics.store(reading, 0, index);
  });
  Atomics.store(reading, 0, -1);
  if (result.kind === "invalid") {
    port.postMessage(result satisfies PlainAnswer);
    return;
  }
  const compressed = Uint8Array.from(result.bundle.compressed);
  const answer: PlainAnswer = { kind: "rendered", bundle: { ...result.bundle, compressed } };
  port.postMessage(answer, [compressed.buffer]);
});
