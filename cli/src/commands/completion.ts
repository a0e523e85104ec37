import { Argument, type Command } from "commander";
import { answered } from "../api/client.ts";
import type { HubFlags } from "../connection/hub-address.ts";
import { printable } from "../output/printable.ts";
import type { CommandContext } from "./command-context.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** How long a person who pressed Tab waits for names from the hub. */
const NAMES_TIMEOUT_MS = 1_500;

/** `completion SHELL` prints a script; the script asks the hidden `__complete`, so it never goes stale. */
export function addCompletionCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  program
    .command("completion")
    .description("print a completion script for a shell")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .addHelpText(
      "after",
      "\nbash:  source <(muster completion bash)\nzsh:   source <(muster completion zsh)\nfish:  muster completion fish | source\n",
    )
    .action((shell: Shell) => terminal.write(SCRIPTS[shell]));

  program
    .command("__complete [words...]", { hidden: true })
    .allowUnknownOption()
    .action(async (words: string[], _options: object, command: Command) => {
      const names = await Promise.race([
        completions(program, words, (noun) => namesOf(context, command.optsWithGlobals(), noun)),
        new Promise<string[]>((resolve) => setTimeout(resolve, NAMES_TIMEOUT_MS, []).unref()),
      ]);
      terminal.write(names.map((name) => `${printable(name)}\n`).join(""));
    });
}

export type NamedNoun = "apps" | "appsets" | "projects" | "sources" | "clusters" | "approvals";

/** What may stand where the last of `words` is being typed: sub-commands, options, their choices, or names. */
export async function completions(
  program: Command,
  words: readonly string[],
  namesOfNoun: (noun: NamedNoun) => Promise<readonly string[]>,
): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  let command = program;
  const positional: string[] = [];
  let awaiting: string | null = null;
  for (const word of words.slice(0, -1)) {
    const option = optionsOf(command).find((known) => known.long === word || known.short === word);
    const child: Command | undefined = command.commands.find((known) => known.name() === word);
    if (awaiting !== null) awaiting = null;
    else if (option !== undefined) awaiting = option.isBoolean() ? null : (option.long ?? null);
    else if (child !== undefined && positional.length === 0) command = child;
    else positional.push(word);
  }
  const candidates = await candidatesFor(command, { positional, awaiting, typed }, namesOfNoun);
  return candidates.filter((candidate) => candidate.startsWith(typed));
}

const optionsOf = (command: Command): Command["options"] => [
  ...command.options,
  ...(command.parent === null ? [] : optionsOf(command.parent)),
];

async function candidatesFor(
  command: Command,
  at: { positional: readonly string[]; awaiting: string | null; typed: string },
  namesOfNoun: (noun: NamedNoun) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  if (at.awaiting !== null) {
    if (at.awaiting === "--cluster") return namesOfNoun("clusters");
    if (at.awaiting === "--to") return ["previous"];
    return optionsOf(command).find((option) => option.long === at.awaiting)?.argChoices ?? [];
  }
  if (at.typed.startsWith("-")) return optionsOf(command).flatMap((option) => option.long ?? []);
  const children = command.commands.map((child) => child.name()).filter((name) => !name.startsWith("__"));
  if (children.length > 0) return children;
  return argumentNames(command, at.positional, namesOfNoun);
}

async function argumentNames(
  command: Command,
  positional: readonly string[],
  namesOfNoun: (noun: NamedNoun) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const argument = command.registeredArguments[positional.length];
  if (argument?.argChoices) return argument.argChoices;
  switch (argument?.name()) {
    case "app":
      return namesOfNoun("apps");
    case "approval":
      return namesOfNoun("approvals");
    case "noun":
      return command.name() === "get"
        ? ["sources", "apps", "appsets", "projects", "clusters", "releases"]
        : ["app", "appset", "source", "project"];
    case "kind":
      return ["app", "source", "appset", "project", "cluster"];
    case "name": {
      const noun = positional[0] ?? "";
      if (command.parent?.name() === "cluster" || noun.startsWith("cluster")) return namesOfNoun("clusters");
      if (noun.startsWith("appset")) return namesOfNoun("appsets");
      if (noun.startsWith("project")) return namesOfNoun("projects");
      return noun.startsWith("source") ? namesOfNoun("sources") : namesOfNoun("apps");
    }
    default:
      return [];
  }
}

async function namesOf(context: CommandContext, flags: HubFlags, noun: NamedNoun): Promise<readonly string[]> {
  try {
    return await context.withHub(flags, async ({ api }) => {
      if (noun === "clusters") return (await answered(api.GET("/v1/clusters"))).items.map((item) => item.name);
      if (noun === "approvals") {
        const params = { query: { state: "pending" as const } };
        return (await answered(api.GET("/v1/approvals", { params }))).items.map((item) => item.id);
      }
      if (noun === "projects") return (await answered(api.GET("/v1/projects"))).items.map((item) => item.name);
      if (noun === "appsets") {
        return (await answered(api.GET("/v1/appsets"))).items.map((item) => `${item.project}/${item.name}`);
      }
      const { items } = noun === "apps" ? await answered(api.GET("/v1/apps")) : await answered(api.GET("/v1/sources"));
      return items.map((item: { project: string; name: string }) => `${item.project}/${item.name}`);
    });
  } catch {
    return []; // a Tab that finds no hub completes nothing, and says nothing
  }
}

const SCRIPTS: Record<Shell, string> = {
  bash: `_muster() {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  mapfile -t COMPREPLY < <(muster __complete -- "\${words[@]}" 2>/dev/null)
}
complete -o default -F _muster muster
`,
  zsh: `#compdef muster
_muster() {
  local -a names
  names=("\${(@f)$(muster __complete -- "\${(@)words[2,$CURRENT]}" 2>/dev/null)}")
  names=("\${(@)names:#}")
  (( \${#names} )) && compadd -a names || _files
}
compdef _muster muster
`,
  fish: `function __muster_complete
  set -l words (commandline -opc)
  muster __complete -- $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c muster -a '(__muster_complete)'
`,
};
