/** Started by `leak.test.ts`: starts a cluster, says what it owns, and then waits to be ended one way or another. */
import { dirname } from "node:path";
import { builtProvider } from "../providers/built.ts";

const controlPlane = await builtProvider().start({ clusters: 1 });
const [cluster] = controlPlane.clusters;
if (!cluster) throw new Error("no cluster");
console.log(
  JSON.stringify({
    pids: cluster.processes.map(({ pid }) => pid),
    folder: dirname(dirname(cluster.kubeconfigPath)),
  }),
);
switch (process.argv[2]) {
  case "throws":
    throw new Error("a test that failed without stopping anything");
  case "exits":
    process.exit(0);
    break;
  default:
    setInterval(() => {}, 1_000);
}
