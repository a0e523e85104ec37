import { defineBench } from "./define-bench.ts";
import { measureBinaryApps } from "./desired-state/binary-apps.ts";
import { measureLargeBundle } from "./desired-state/large-bundle.ts";
import { measureLargeFleet } from "./desired-state/large-fleet.ts";
import { measurePlacement } from "./desired-state/placement.ts";
import { measureRelabel } from "./desired-state/relabel.ts";
import { measureThousandApps } from "./desired-state/thousand-apps.ts";

export default defineBench({
  name: "desired-state",
  describe: "Placement of large fleets, commits into large repositories, cold starts, variants, memory",
  timeoutMsMax: 60 * 60_000,
  parts: {
    placement: measurePlacement,
    relabel: measureRelabel,
    "thousand-apps": measureThousandApps,
    "binary-apps": measureBinaryApps,
    "large-fleet": measureLargeFleet,
    "large-bundle": measureLargeBundle,
  },
});
