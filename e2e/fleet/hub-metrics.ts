import type { HubProcess } from "./hub-process.ts";

/** One of the hub's counters, such as `renders`. */
export async function counter(hub: Pick<HubProcess, "metrics">, name: string): Promise<number> {
  const metric = `muster_hub_${name.replaceAll("-", "_")}_total`;
  const value = new RegExp(`^${metric} (\\S+)$`, "m").exec(await hub.metrics())?.[1];
  if (value === undefined) throw new Error(`the hub has no metric ${metric}`);
  return Number(value);
}
