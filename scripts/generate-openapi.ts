// The REST API's description, and the CLI's types made from it. The hub's routes are the source: it prints the
// description itself, so neither file can say anything else than the server does.
//
//   npm run openapi            write
//   npm run openapi:check      fail if the committed files are not what the hub says
//
// openapi-typescript needs a TypeScript with a JavaScript API, so this workspace brings version 5 for it alone.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import openapiTS, { astToString } from "openapi-typescript";
import { repositoryRoot, toolEnvironment } from "./repository.ts";

const { values: options } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    printer: { type: "string", default: join(repositoryRoot, "hub/src/adapters/api/print-openapi.ts") },
    output: { type: "string", default: repositoryRoot },
  },
});

if (existsSync(options.printer)) {
  const description = execFileSync("node", [options.printer], {
    cwd: repositoryRoot,
    env: toolEnvironment(),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const document = JSON.parse(description) as Record<string, unknown>;
  const types = astToString(await openapiTS(JSON.stringify(document), { alphabetize: true, silent: true }));
  const header = "// Generated from docs/reference/openapi.json by `npm run openapi`; do not edit.\n\n";
  const stale = [
    bringUpToDate("docs/reference/openapi.json", `${JSON.stringify(document, null, 2)}\n`),
    bringUpToDate("cli/src/api/generated/hub-api.ts", header + types),
  ].filter((path) => path !== null);
  if (options.check && stale.length > 0) {
    console.error(`openapi: ${stale.join(", ")} out of date; run \`npm run openapi\` and commit`);
    process.exitCode = 1;
  } else {
    console.log(`openapi: ${stale.length === 0 ? "up to date" : `wrote ${stale.join(", ")}`}`);
  }
}

/** Answers the path if the file was not what it should be; with --check nothing is written. */
function bringUpToDate(path: string, wanted: string): string | null {
  const file = join(options.output, path);
  if (existsSync(file) && readFileSync(file, "utf8") === wanted) return null;
  if (!options.check) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, wanted);
  }
  return relative(options.output, file);
}
