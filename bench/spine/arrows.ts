import { answered } from "@muster/cli/api/client.ts";
import type { Fleet } from "@muster/e2e/fleet/fleet.ts";
import type { FleetApp } from "@muster/e2e/fleet/fleet-app.ts";
import type { Schemas } from "@muster/e2e/fleet/hub-api.ts";

/** When one commit passed each arrow, milliseconds since 1970. */
export interface CommitTrace {
  readonly webhook: number;
  readonly hub: Schemas["Trace"]["at"];
  readonly sent: number;
  readonly reported: number;
}

/** @throws while the commit has not come all the way. */
export async function traceOf(fleet: Fleet, app: FleetApp, commit: string, webhook: number): Promise<CommitTrace> {
  const { api } = fleet.hub.api.client;
  const { items } = await answered(
    api.GET("/v1/projects/{project}/apps/{name}/trace", { params: { path: { project: "default", name: app.name } } }),
  );
  const trace = items.find((candidate) => candidate.commit === commit);
  const [cluster] = Object.values(trace?.clusters ?? {});
  if (trace === undefined || cluster?.sent === undefined || cluster.applied === undefined) {
    throw new Error(`${commit} has not been reported`);
  }
  return { webhook, hub: trace.at, sent: cluster.sent, reported: cluster.applied };
}

/** The way of a commit cut at its arrows. */
export function arrowsOf(traces: readonly CommitTrace[]): { name: string; milliseconds: number[] }[] {
  const steps: [name: string, at: (trace: CommitTrace) => number | undefined][] = [
    ["webhook", (trace) => trace.webhook],
    ["source woken", ({ hub }) => hub.woken],
    ["fetched", ({ hub }) => hub.fetched],
    ["tree compared", ({ hub }) => hub.compared],
    ["rendered", ({ hub }) => hub.rendered],
    ["release stored", ({ hub }) => hub.released],
    ["intent stored", ({ hub }) => hub.intended],
    ["assigned stored", ({ hub }) => hub.assigned],
    ["signed and sent", ({ sent }) => sent],
    ["applied, reported, report stored", ({ reported }) => reported],
  ];
  return steps.slice(1).map(([name, at], index) => {
    const [before, from] = steps[index] as (typeof steps)[number];
    const milliseconds = traces.flatMap((trace) => {
      const [start, end] = [from(trace), at(trace)];
      return start === undefined || end === undefined ? [] : [end - start];
    });
    return { name: `${before} → ${name}`, milliseconds };
  });
}
