import type { Command } from "commander";
import { answered, type Schemas } from "../api/client.ts";
import { EXIT, Failure } from "../failure.ts";
import { oneLine } from "../output/printable.ts";
import type { CommandContext } from "./command-context.ts";
import { scopedName } from "./scoped-name.ts";

type Request = Schemas["HandOverRequestInput"];

const KINDS: Readonly<Record<string, Request["kind"]>> = {
  app: "App",
  source: "Source",
  appset: "AppSet",
  project: "Project",
  cluster: "Cluster",
};

/** `handover app storefront/shop --to storefront/fleet`, and back again with `--to api`. */
export function addHandoverCommand(program: Command, context: CommandContext): void {
  program
    .command("handover <kind> <name>")
    .description("give a definition, or a cluster's labels, another owner: the API, a Source or an AppSet")
    .requiredOption("--to <owner>", "api, a Source as PROJECT/NAME, or an AppSet as appset/PROJECT/NAME")
    .option("-p, --project <project>", "project, when the name has none")
    .action(async (word: string, text: string, options: { to: string; project?: string }, command: Command) => {
      const kind = KINDS[word.toLowerCase().replace(/s$/, "")];
      if (kind === undefined) {
        const fix = `Known: ${Object.keys(KINDS).join(", ")}.`;
        throw new Failure(EXIT.usage, `"${oneLine(word)}" is nothing to hand over.`, { fix });
      }
      const isScoped = kind !== "Project" && kind !== "Cluster";
      const { project, name } = scopedName(text, options.project);
      const body: Request = { kind, name: isScoped ? name : text, project, to: ownerOf(options.to) };
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const { what, from, to } = await answered(api.POST("/v1/handovers", { body }));
        context.terminal.write(
          from === to
            ? `${oneLine(what)} is ${oneLine(to)}'s already.\n`
            : `${oneLine(what)}: ${oneLine(from)} → ${oneLine(to)}\n`,
        );
      });
    });
}

function ownerOf(text: string): Request["to"] {
  if (text === "api") return "api";
  const [, kind = "source", scoped = ""] = /^(?:(source|appset)\/)?([^/]+\/[^/]+)$/.exec(text) ?? [];
  const { project, name } = scopedName(scoped === "" ? text : scoped, undefined);
  if (scoped === "") {
    throw new Failure(EXIT.usage, `"${oneLine(text)}" is no owner.`, {
      fix: "Write api, PROJECT/NAME of a Source, or appset/PROJECT/NAME.",
    });
  }
  return kind === "appset" ? { appSet: `${project}/${name}` } : { source: `${project}/${name}` };
}
