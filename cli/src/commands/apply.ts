import type { Command } from "commander";
import { answered, type HubClient, type Schemas } from "../api/client.ts";
import { Refusal } from "../api/problem-failure.ts";
import { collectDefinitions } from "../definitions/collect-definitions.ts";
import { locateField, type WrittenDefinition } from "../definitions/definition-file.ts";
import { EXIT, Failure } from "../failure.ts";
import { counted, countedNames } from "../output/counted.ts";
import { oneLine, printable } from "../output/printable.ts";
import { forPrograms, type OutputFormat, outputOption } from "../output/write-output.ts";
import { waitsText } from "./approval.ts";
import { askOrRefuse } from "./ask-or-refuse.ts";
import type { CommandContext } from "./command-context.ts";
import { lossText } from "./label-cluster.ts";

interface ApplyOptions {
  readonly filename: string[];
  readonly dryRun?: true;
  readonly yes?: true;
  readonly takeOver?: true;
  readonly output: OutputFormat;
}

export function addApplyCommand(program: Command, context: CommandContext): void {
  program
    .command("apply")
    .description("create or change definitions: Sources, Apps, AppSets, Projects, Cluster labels")
    .requiredOption(
      "-f, --filename <path>",
      "file, folder, or - for standard input; may be given more than once",
      collect,
    )
    .option("--take-over", "also what belongs to a Source or AppSet that does not hold it any more")
    .option("--dry-run", "say what would change, and change nothing")
    .option("-y, --yes", "do not ask when clusters lose an App by it")
    .addOption(outputOption())
    .action(async (options: ApplyOptions, command: Command) => {
      const definitions = await takeDefinitions(context, options.filename);
      await context.withHub(command.optsWithGlobals(), (hub) => apply(context, hub, definitions, options));
    });
}

const collect = (word: string, words: string[] | undefined): string[] => [...(words ?? []), word];

/** Reads what files hold. @throws Failure when anything in them is wrong, after it was told with file and line. */
export async function takeDefinitions(
  { terminal }: CommandContext,
  paths: readonly string[],
): Promise<readonly WrittenDefinition[]> {
  const { definitions, problems } = await collectDefinitions(paths, terminal.readInput);
  if (problems.length > 0) {
    for (const { file, line, message } of problems) terminal.warn(`${oneLine(file)}:${line}: ${printable(message)}\n`);
    throw new Failure(EXIT.failed, `Nothing was applied: ${counted(problems.length, "problem")} above.`);
  }
  if (definitions.length === 0) throw new Failure(EXIT.failed, "There is no definition in what was given.");
  return definitions;
}

async function apply(
  context: CommandContext,
  hub: HubClient,
  definitions: readonly WrittenDefinition[],
  options: ApplyOptions,
): Promise<void> {
  const plan = await sendDefinitions(hub, definitions, { dryRun: true, takeOver: options.takeOver === true });
  const losing = plan.results.filter((result) => result.loses.length > 0);
  const willAsk = losing.length > 0 && options.yes !== true && options.dryRun !== true;
  if (willAsk) {
    for (const result of losing) context.terminal.warn(`${resultLine(result, "would be")}\n`);
    if (plan.waits !== undefined) context.terminal.warn(waitsText(plan.waits, true));
    await askOrRefuse(context, `${lossText(losing)} Go on?`);
  }
  const result = options.dryRun
    ? plan
    : await sendDefinitions(hub, definitions, { dryRun: false, takeOver: options.takeOver === true });
  const lines = result.results.map((one) => `${resultLine(one, result.dryRun ? "would be" : "")}\n`).join("");
  for (const warning of result.warnings ?? []) context.terminal.warn(`warning: ${printable(warning)}\n`);
  if (result.waits !== undefined) context.terminal.warn(waitsText(result.waits, result.dryRun));
  const note = result.dryRun ? "Nothing was changed. Run again without --dry-run to do it.\n" : "";
  context.terminal.write(forPrograms(options.output, result) ?? lines + note);
}

export async function sendDefinitions(
  { api }: HubClient,
  definitions: readonly WrittenDefinition[],
  { dryRun, takeOver }: { dryRun: boolean; takeOver: boolean },
): Promise<Schemas["ApplyResult"]> {
  try {
    const body = {
      definitions: definitions.map((definition) => definition.value),
      dryRun,
      ...(takeOver ? { takeOver } : {}),
    };
    return await answered(api.POST("/v1/apply", { body }));
  } catch (error) {
    const place = error instanceof Refusal && error.field ? locateField(definitions, error.field) : null;
    if (!(error instanceof Refusal) || place === null) throw error;
    throw new Failure(error.exitCode, `${place.file}:${place.line}: ${error.message}`, { fix: error.fix });
  }
}

/** `App storefront/shop changed: 2 clusters more (prod-eu-1, prod-eu-2)` */
export function resultLine(result: Schemas["ApplyResult"]["results"][number], verb: string): string {
  const parts = [
    result.gains.length > 0 ? `goes to ${countedNames(result.gains, "cluster")}` : null,
    result.loses.length > 0 ? `leaves ${countedNames(result.loses, "cluster")}` : null,
  ].filter((part) => part !== null);
  const outcome =
    result.outcome === "unchanged" ? "is unchanged" : verb === "" ? result.outcome : `${verb} ${result.outcome}`;
  const said = `${oneLine(result.kind)} ${oneLine(result.name)} ${outcome}`;
  return parts.length === 0 ? said : `${said}: ${parts.join("; ")}`;
}
