import { expect, it } from "vitest";
import { createPrometheusMetrics } from "./prometheus.ts";

it("writes what was counted, timed and set as Prometheus text", async () => {
  const { metrics, text } = createPrometheusMetrics();
  metrics.count("assignments-sent", 3);
  metrics.took("fetch", 40);
  metrics.sessions(2);
  const written = await text();
  expect(written).toContain("muster_hub_assignments_sent_total 3");
  expect(written).toContain('muster_hub_arrow_seconds_bucket{le="0.05",arrow="fetch"} 1');
  expect(written).toContain("muster_hub_sessions 2");
  expect(written).toContain("process_resident_memory_bytes");
});
