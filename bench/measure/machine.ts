import { arch, availableParallelism, cpus, totalmem, type } from "node:os";

/** "2 cores (MODEL), 24 GiB, Linux x64, Node 26.10.0": what a reader needs to judge a number. */
export function machineInWords(): string {
  const cores = availableParallelism();
  const model = (cpus()[0]?.model ?? "unknown model").replaceAll(/\s+/g, " ").trim();
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  return `${cores} ${cores === 1 ? "core" : "cores"} (${model}), ${memoryGib} GiB, ${type()} ${arch()}, Node ${process.versions.node}`;
}
