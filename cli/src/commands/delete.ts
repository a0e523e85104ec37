import type { Command } from "commander";
import { answered, type HubClient } from "../api/client.ts";
import { EXIT, Failure } from "../failure.ts";
import { counted } from "../output/counted.ts";
import { oneLine } from "../output/printable.ts";
import { waitsText } from "./approval.ts";
import { askOrRefuse } from "./ask-or-refuse.ts";
import type { CommandContext } from "./command-context.ts";
import { scopedName } from "./scoped-name.ts";

/** `delete app NAME`, `delete source NAME`, `delete appset NAME` and `delete project NAME`. */
export function addDeleteCommand(program: Command, context: CommandContext): void {
  program
    .command("delete <noun> <name>")
    .description(
      "delete an app or appset (from every cluster), a source (its apps stay where they are), or an empty project",
    )
    .option("-p, --project <project>", "project, when the name has none")
    .option("-y, --yes", "do not ask")
    .action(async (noun: string, text: string, options: { project?: string; yes?: true }, command: Command) => {
      const path = scopedName(text, options.project);
      if (noun === "project" || noun === "projects") return deleteProject(context, text, options, command);
      if (noun === "cluster" || noun === "clusters") {
        throw new Failure(EXIT.usage, "A cluster is removed, not deleted.", { fix: `muster cluster remove ${text}` });
      }
      if (noun === "app" || noun === "apps") await deleteApp(context, path, options, command);
      else if (noun === "source" || noun === "sources") await deleteSource(context, path, options, command);
      else if (noun === "appset" || noun === "appsets") await deleteAppSet(context, path, options, command);
      else {
        const fix = "Known: app, appset, source, project.";
        throw new Failure(EXIT.usage, `"${oneLine(noun)}" is nothing to delete.`, { fix });
      }
    });
}

type Path = { project: string; name: string };

async function deleteApp(
  context: CommandContext,
  path: Path,
  options: { yes?: true },
  command: Command,
): Promise<void> {
  const { terminal } = context;
  const title = oneLine(`${path.project}/${path.name}`);
  await context.withHub(command.optsWithGlobals(), async (hub) => {
    const { api } = hub;
    const app = await answered(api.GET("/v1/projects/{project}/apps/{name}", { params: { path } }));
    if (options.yes !== true) {
      const clusters = counted(app.summary.clusters, "cluster");
      const goes = (await keepsObjects(hub, path))
        ? `${title} leaves ${clusters}; what it made stays there (onUnplaced: keep), and nobody looks after it any more.`
        : `${title} and what it made goes from ${clusters}.`;
      terminal.warn(`${goes}\n`);
      await askOrRefuse(context, `Delete ${title}?`);
    }
    const { waits } = await answered(api.DELETE("/v1/projects/{project}/apps/{name}", { params: { path } }));
    if (waits !== null) terminal.warn(waitsText(waits, false));
    terminal.write(`Deleting ${title}. It is gone when each cluster has confirmed: muster status\n`);
  });
}

async function keepsObjects({ api }: HubClient, { project, name }: Path): Promise<boolean> {
  const { items } = await answered(api.GET("/v1/definitions", { params: { query: { kind: "App" } } }));
  const app = items.find((one) => one.kind === "App" && one.metadata.project === project && one.metadata.name === name);
  return app?.kind === "App" && app.spec.onUnplaced.action === "keep";
}

async function deleteSource(
  context: CommandContext,
  path: Path,
  options: { yes?: true },
  command: Command,
): Promise<void> {
  const { terminal } = context;
  const title = oneLine(`${path.project}/${path.name}`);
  await context.withHub(command.optsWithGlobals(), async ({ api }) => {
    const { items } = await answered(api.GET("/v1/apps"));
    const users = items.filter((app) => app.project === path.project && app.source === path.name);
    if (options.yes !== true) {
      const apps = users.length === 1 ? "1 App keeps" : `${users.length} Apps keep`;
      terminal.warn(`${title} is no longer tracked. ${apps} what they run, and get nothing new.\n`);
      await askOrRefuse(context, `Delete ${title}?`);
    }
    await answered(api.DELETE("/v1/projects/{project}/sources/{name}", { params: { path } }));
    terminal.write(`Deleted Source ${title}.\n`);
  });
}

async function deleteAppSet(
  context: CommandContext,
  path: Path,
  options: { yes?: true },
  command: Command,
): Promise<void> {
  const { terminal } = context;
  const title = oneLine(`${path.project}/${path.name}`);
  await context.withHub(command.optsWithGlobals(), async ({ api }) => {
    const set = await answered(api.GET("/v1/projects/{project}/appsets/{name}", { params: { path } }));
    if (options.yes !== true) {
      terminal.warn(`${title} keeps ${counted(set.apps, "App")}, which go with it from their clusters.\n`);
      await askOrRefuse(context, `Delete ${title}?`);
    }
    await answered(api.DELETE("/v1/projects/{project}/appsets/{name}", { params: { path } }));
    terminal.write(
      `Deleting AppSet ${title} and its ${counted(set.apps, "App")}. See what waits: muster approval list\n`,
    );
  });
}

async function deleteProject(
  context: CommandContext,
  name: string,
  options: { yes?: true },
  command: Command,
): Promise<void> {
  if (options.yes !== true) await askOrRefuse(context, `Delete Project ${oneLine(name)}?`);
  await context.withHub(command.optsWithGlobals(), async ({ api }) => {
    await answered(api.DELETE("/v1/projects/{name}", { params: { path: { name } } }));
    context.terminal.write(`Deleted Project ${oneLine(name)}.\n`);
  });
}
