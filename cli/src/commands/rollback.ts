import type { Command } from "commander";
import { answered, type HubClient, type Schemas } from "../api/client.ts";
import { counted } from "../output/counted.ts";
import { oneLine, printable } from "../output/printable.ts";
import { forPrograms, type OutputFormat, outputOption } from "../output/write-output.ts";
import { askOrRefuse } from "./ask-or-refuse.ts";
import type { CommandContext } from "./command-context.ts";
import { scopedName } from "./scoped-name.ts";

interface RollbackOptions {
  readonly to: string;
  readonly reason: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly project?: string;
  readonly output: OutputFormat;
}

/** `rollback`, `unpin` and `recover`: what a person decides above Git. */
export function addRollbackCommands(program: Command, context: CommandContext): void {
  program
    .command("rollback <app>")
    .description("take an App back to an earlier Release on all its clusters, and hold it there")
    .requiredOption("--to <release>", "previous, rN, or a commit (at least 7 digits)")
    .requiredOption("--reason <text>", "why; it is shown wherever the pin is, and kept")
    .option("--dry-run", "say what would happen, and do nothing")
    .option("-y, --yes", "do not ask")
    .option("-p, --project <project>", "project of the App, when its name has none")
    .addOption(outputOption())
    .action(async (app: string, options: RollbackOptions, command: Command) => {
      const { project, name } = scopedName(app, options.project);
      await context.withHub(command.optsWithGlobals(), (hub) =>
        rollback(context, hub, { project, app: name }, options),
      );
    });

  program
    .command("unpin <app>")
    .description("lift the pin: the App follows Git again")
    .option("--reason <text>", "why; it is kept", "no reason given")
    .option("-p, --project <project>", "project of the App, when its name has none")
    .option("-y, --yes", "do not ask")
    .action(async (app: string, options: { reason: string; yes?: true; project?: string }, command: Command) => {
      const path = scopedName(app, options.project);
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const pinned = await answered(api.GET("/v1/projects/{project}/apps/{name}", { params: { path } }));
        // Without a pin there is nothing to ask: the hub says so.
        if (options.yes !== true && pinned.pin !== null) {
          context.terminal.warn(`${unpinText(pinned)}\n`);
          await askOrRefuse(context, "Go on?");
        }
        const params = { path, query: { reason: options.reason } };
        const view = await answered(api.DELETE("/v1/projects/{project}/apps/{name}/pin", { params }));
        const release =
          view.release === null ? "Git" : `Git: r${view.release.number}, ${oneLine(view.release.subject)}`;
        context.terminal.write(`Unpinned ${oneLine(`${view.project}/${view.name}`)}. It follows ${release}.\n`);
      });
    });

  addRecoverCommand(program, context);
}

/** `Without the pin: storefront/shop r41 → r43 (commit 4f2c9e1) on 40 clusters.` */
function unpinText({ project, name, pin, release, summary }: Schemas["App"]): string {
  const app = `${project}/${name}`;
  if (release === null || release.number === pin?.release) {
    return `Without the pin ${oneLine(app)} follows Git; it stays at r${pin?.release} now.`;
  }
  const where = `on ${counted(summary.clusters, "cluster")}`;
  return `Without the pin: ${oneLine(app)} r${pin?.release} → r${release.number} (commit ${oneLine(release.commit).slice(0, 7)}) ${where}.`;
}

async function rollback(
  { terminal, ...rest }: CommandContext,
  { api }: HubClient,
  target: { project: string; app: string },
  options: RollbackOptions,
): Promise<void> {
  const request = { ...target, to: options.to, reason: options.reason };
  const plan = await answered(api.POST("/v1/rollbacks", { body: { ...request, dryRun: true } }));
  const isForPrograms = options.output === "json" || options.output === "yaml";
  if (options.dryRun) {
    const note = "Nothing was changed. Run again without --dry-run to do it.\n";
    const would = isThere(plan) ? `Would hold ${holdText(plan)}` : `Would take ${moveText(plan)}`;
    terminal.write(forPrograms(options.output, plan) ?? `${would}\n${note}`);
    return;
  }
  if (options.yes !== true) {
    terminal.warn(`${isThere(plan) ? `This holds ${holdText(plan)}` : `This takes ${moveText(plan)}`}\n`);
    await askOrRefuse({ terminal, ...rest }, "Go on?");
  }
  // The Release that was shown is the one that is meant, even if another came about while a person thought.
  const done = await answered(api.POST("/v1/rollbacks", { body: { ...request, to: `r${plan.to}`, dryRun: false } }));
  if (isForPrograms) return terminal.write(forPrograms(options.output, done) ?? "");
  const app = oneLine(done.app);
  terminal.write(`${isThere(done) ? `Held ${holdText(done)}` : `Took ${moveText(done)}`}
It stays there, whatever Git says, until \`muster unpin ${app}\` or until Git says the same.
Follow it: muster status --watch
`);
}

/** A rollback to what is to run already moves nothing, and holds it: whoever asks for it wants to stay there. */
const isThere = ({ from, to }: Schemas["Rollback"]): boolean => from === to;

const holdText = (view: Schemas["Rollback"]): string =>
  `${oneLine(view.app)} at r${view.to} (commit ${oneLine(view.commit).slice(0, 7)}), which is what it runs by now: nothing moves.`;

/** `storefront/shop  r42 → r41 (commit 1d0aa42) on 40 clusters.` */
function moveText(view: Schemas["Rollback"]): string {
  const count = view.clusters.length;
  const from = view.from === null ? "" : `r${view.from} → `;
  const clusters = count === 1 ? `1 cluster (${oneLine(view.clusters[0] ?? "")})` : `${count} clusters`;
  return `${oneLine(view.app)} ${from}r${view.to} (commit ${oneLine(view.commit).slice(0, 7)}) on ${clusters}.`;
}

function addRecoverCommand(program: Command, context: CommandContext): void {
  program
    .command("recover")
    .description("take charge again of clusters that are ahead of what the hub remembers, after it was restored")
    .requiredOption("--reason <text>", "why; it is kept")
    .option("-c, --cluster <name...>", "only these clusters")
    .option("-a, --app <app>", "only this App")
    .option("-p, --project <project>", "project of the App, when its name has none")
    .option("-y, --yes", "do not ask")
    .action(
      async (
        options: { reason: string; cluster?: string[]; app?: string; project?: string; yes?: true },
        command: Command,
      ) => {
        const { terminal } = context;
        const app = options.app === undefined ? undefined : scopedName(options.app, options.project);
        await context.withHub(command.optsWithGlobals(), async ({ api }) => {
          if (options.yes !== true) {
            const scope = options.cluster?.join(", ") ?? "every cluster that is ahead";
            terminal.warn(`What this hub knows goes out again, above what these run now: ${oneLine(scope)}.\n`);
            await askOrRefuse(context, "Go on?");
          }
          const body = {
            mode: "reassert" as const,
            reason: options.reason,
            ...(options.cluster === undefined ? {} : { clusters: { names: options.cluster } }),
            ...(app === undefined ? {} : { app }),
          };
          const { recovered } = await answered(api.POST("/v1/recoveries", { body }));
          if (recovered.length === 0) terminal.write("Nothing is ahead; nothing was changed.\n");
          for (const one of recovered) terminal.write(`Recovered ${printable(one.app)} on ${printable(one.cluster)}\n`);
        });
      },
    );
}
