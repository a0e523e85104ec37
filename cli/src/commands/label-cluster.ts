import { answered, type HubClient, type Schemas } from "../api/client.ts";
import { countedNames } from "../output/counted.ts";
import { oneLine } from "../output/printable.ts";
import { waitsText } from "./approval.ts";
import { askOrRefuse } from "./ask-or-refuse.ts";
import type { CommandContext } from "./command-context.ts";

export interface LabelChange {
  readonly set: Record<string, string>;
  readonly remove: string[];
}

/** Labels decide which Apps a cluster runs: shows which would leave it and asks, unless none does or `yes` says so. */
export async function askBeforeLabels(
  context: CommandContext,
  hub: HubClient,
  name: string,
  labels: LabelChange,
  { yes = false }: { yes?: boolean },
): Promise<void> {
  if (yes) return;
  const plan = await sendLabels(hub, name, labels, true);
  if (plan.loses.length === 0) return;
  context.terminal.warn(`By these labels ${movesText(plan)}.\n`);
  if (plan.waits !== undefined) context.terminal.warn(waitsText(plan.waits, true));
  await askOrRefuse(context, `${lossText([plan])} Go on?`);
}

export async function sendLabels(
  { api }: HubClient,
  name: string,
  labels: LabelChange,
  dryRun: boolean,
): Promise<Schemas["LabelResult"]> {
  return answered(api.PATCH("/v1/clusters/{name}", { params: { path: { name } }, body: { labels, dryRun } }));
}

/** `1 App (storefront/shop) leaves prod-eu-1; 2 Apps (…) go to prod-eu-1` */
export function movesText({ name, gains, loses }: Schemas["LabelResult"]): string {
  const moves = (apps: readonly string[], verb: string, verbs: string): string[] =>
    apps.length === 0 ? [] : [`${countedNames(apps, "App")} ${apps.length === 1 ? verb : verbs} ${oneLine(name)}`];
  return [...moves(loses, "leaves", "leave"), ...moves(gains, "goes to", "go to")].join("; ");
}

/** What becomes of the objects of Apps that leave clusters. */
export const lossText = (losing: readonly { readonly deletes?: boolean | undefined }[]): string =>
  losing.every(({ deletes }) => deletes === false)
    ? "The objects stay (onUnplaced: keep), and nobody looks after them any more."
    : "Objects are deleted from a cluster that loses an App.";
