import { defineBench } from "./define-bench.ts";
import { measureOneCluster } from "./spine/one-cluster.ts";
import { measureThousandApps } from "./spine/thousand-apps.ts";

export default defineBench({
  name: "spine",
  describe: "Commit to stored report by webhook, drift healing, and idle memory, bundled programs on a real API server",
  timeoutMsMax: 30 * 60_000,
  async run(context) {
    await measureOneCluster(context);
    await measureThousandApps(context);
  },
});
