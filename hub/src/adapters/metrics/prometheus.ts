import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { HUB_ARROWS, type HubCounter, type HubMetrics } from "../../ports/metrics.ts";

const COUNTERS: Readonly<Record<HubCounter, string>> = {
  fetches: "Fetches of a repository that went well",
  "fetch-failures": "Fetches of a repository that failed",
  renders: "Directories rendered",
  "render-refusals": "Revisions of an App that could not be rendered",
  "renders-memoised": "Renders answered from memory",
  releases: "Releases made",
  "assignments-sent": "Assignments signed and sent to agents",
  reports: "Reports stored",
  "reports-unknown": "Reports of Apps that their cluster was not assigned",
  "sessions-refused": "Agents refused at Hello",
  "ahead-found": "Proven marks that this hub does not remember",
  "proofs-ignored": "Marks without a valid proof",
  "audit-entries": "Audit entries brought into the journal",
  "work-failures": "Turns of a loop that failed and were tried again",
};

/** From a fraction of a fetch on loopback to a repository that times out. Seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60];

/** The hub's metrics, in a registry of their own. */
export function createPrometheusMetrics(): { metrics: HubMetrics; text: () => Promise<string> } {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map(
    Object.entries(COUNTERS).map(([counter, help]) => {
      const name = `muster_hub_${counter.replaceAll("-", "_")}_total`;
      return [counter, new Counter({ name, help, registers: [registry] })] as const;
    }),
  );
  const arrows = new Histogram({
    name: "muster_hub_arrow_seconds",
    help: `Time of one passage of an arrow of the flow: ${HUB_ARROWS.join(", ")}`,
    labelNames: ["arrow"],
    buckets: BUCKETS,
    registers: [registry],
  });
  const sessions = new Gauge({ name: "muster_hub_sessions", help: "Agents connected now", registers: [registry] });
  return {
    metrics: {
      count: (counter, by = 1) => counters.get(counter)?.inc(by),
      took: (arrow, ms) => arrows.observe({ arrow }, ms / 1_000),
      sessions: (open) => sessions.set(open),
    },
    text: () => registry.metrics(),
  };
}
