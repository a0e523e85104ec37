import { cruise, type ICruiseResult } from "dependency-cruiser";
// @ts-expect-error plain JavaScript, as the tool wants it
import untypedConfig from "../.dependency-cruiser.mjs";

const config = untypedConfig as { forbidden: { name: string }[]; options: { enhancedResolveOptions: object } };

export const wallNames: readonly string[] = config.forbidden.map((rule) => rule.name);

/** One import that a wall forbids. `module` is the import as it was written. */
export type Refusal = { from: string; to: string; module: string; rule: string };

/** Reads every import below the folders and answers those a wall forbids. Folders are relative to `tree`. */
export async function findRefusals(
  tree: string,
  folders: readonly string[],
): Promise<{ refusals: Refusal[]; modules: number; imports: number }> {
  const { forbidden, options } = config;
  // The API wants the rules validated and the resolver's options apart; the command line would do both by itself.
  const { output } = await cruise(
    [...folders],
    { ...options, baseDir: tree, ruleSet: { forbidden }, validate: true } as Parameters<typeof cruise>[1],
    options.enhancedResolveOptions as Parameters<typeof cruise>[2],
  );
  const { modules } = output as ICruiseResult;
  const refusals = modules.flatMap((module) =>
    module.dependencies.flatMap((dependency) =>
      (dependency.rules ?? []).map((rule) => ({
        from: module.source,
        to: dependency.resolved,
        module: `${dependency.protocol ?? ""}${dependency.module}`,
        rule: rule.name,
      })),
    ),
  );
  return {
    refusals,
    modules: modules.length,
    imports: modules.reduce((sum, module) => sum + module.dependencies.length, 0),
  };
}
