import type { Definition } from "@muster/shared/model/definitions.ts";
import { parseDefinition } from "@muster/shared/model/parse-definition.ts";
import { withoutDefaults } from "@muster/shared/model/without-defaults.ts";
import type { Command } from "commander";
import { stringify } from "yaml";
import { answered, type HubClient, type Schemas } from "../api/client.ts";
import type { WrittenDefinition } from "../definitions/definition-file.ts";
import { asTrouble, EXIT, Failure } from "../failure.ts";
import { counted } from "../output/counted.ts";
import { patchText } from "../output/patch-text.ts";
import { printable, printableDeep } from "../output/printable.ts";
import type { Terminal } from "../output/terminal.ts";
import { resultLine, sendDefinitions, takeDefinitions } from "./apply.ts";
import { waitsText } from "./approval.ts";
import type { CommandContext } from "./command-context.ts";

/** `diff -f`: what `apply -f` would do. Exits with 0 when that is nothing, with 1 when it is something. */
export function addDiffCommand(program: Command, context: CommandContext): void {
  program
    .command("diff")
    .description(
      "show what apply would change: created, changed, lost clusters, and the lines; exits with 1 if anything",
    )
    .requiredOption(
      "-f, --filename <path>",
      "file, folder, or - for standard input; may be given more than once",
      (word: string, words: string[] | undefined) => [...(words ?? []), word],
    )
    .option("--take-over", "as if what no Source or AppSet holds any more were taken over")
    .action(async (options: { filename: string[]; takeOver?: true }, command: Command) => {
      const definitions = await asTrouble(() => takeDefinitions(context, options.filename));
      await context.withHub(command.optsWithGlobals(), (hub) => diff(context, hub, definitions, options));
    });
}

async function diff(
  { terminal }: CommandContext,
  hub: HubClient,
  definitions: readonly WrittenDefinition[],
  { takeOver }: { takeOver?: true },
): Promise<void> {
  const plan = await asTrouble(() => sendDefinitions(hub, definitions, { dryRun: true, takeOver: takeOver === true }));
  const stored = await storedOf(hub, new Set(plan.results.map(({ kind }) => kind)));
  let different = 0;
  for (const [index, result] of plan.results.entries()) {
    if (result.outcome === "unchanged") continue;
    different += 1;
    terminal.write(`${resultLine(result, "would be")}\n`);
    const parsed = parseDefinition(definitions[index]?.value);
    if (parsed.kind === "valid") terminal.write(`${patchOf(terminal, result, stored, parsed.definition)}\n`);
  }
  for (const warning of plan.warnings ?? []) terminal.warn(`warning: ${printable(warning)}\n`);
  if (plan.waits !== undefined) terminal.warn(waitsText(plan.waits, true));
  const unchanged = plan.results.length - different;
  if (different === 0) terminal.write(`Nothing would change: ${counted(unchanged, "definition")} as in the hub.\n`);
  else throw new Failure(EXIT.failed, "");
}

type Stored = ReadonlyMap<string, Definition>;
const keyOf = (kind: string, { metadata }: Pick<Definition, "metadata">): string =>
  `${kind} ${"project" in metadata ? `${metadata.project}/` : ""}${metadata.name}`;

async function storedOf({ api }: HubClient, kinds: ReadonlySet<string>): Promise<Stored> {
  const found = new Map<string, Definition>();
  for (const kind of kinds) {
    const params = { query: { kind: kind as Definition["kind"] } };
    const { items } = await answered(api.GET("/v1/definitions", { params }));
    for (const item of items as Definition[]) found.set(keyOf(kind, item), item);
  }
  return found;
}

function patchOf(
  { paint }: Terminal,
  { kind, name }: Schemas["ApplyResult"]["results"][number],
  stored: Stored,
  wanted: Definition,
): string {
  const before = stored.get(keyOf(kind, wanted));
  const text = (definition: Definition | undefined): string =>
    definition === undefined ? "" : stringify(printableDeep(withoutDefaults(definition)), { lineWidth: 0 });
  const title = `${kind.toLowerCase()}/${name}`;
  return patchText(paint, { from: `hub/${title}`, to: `file/${title}`, before: text(before), after: text(wanted) });
}
