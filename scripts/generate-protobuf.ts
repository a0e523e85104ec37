// Writes shared/src/wire/generated from proto/. JavaScript with declarations rather than TypeScript, because protobuf
// enums would become TypeScript enums, which Node's type stripping refuses to load.
//
//   npm run generate           write
//   npm run generate:check     fail if the committed code is not what the protos say
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compareFolders, replaceFolder } from "./generated-files.ts";
import { repositoryRoot, toolEnvironment } from "./repository.ts";

const { values: options } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    proto: { type: "string", default: repositoryRoot },
    output: { type: "string", default: join(repositoryRoot, "shared/src/wire/generated") },
  },
});

if (globSync("proto/**/*.proto", { cwd: options.proto }).length === 0) {
  console.log("generate: no .proto files yet");
} else {
  const fresh = mkdtempSync(join(tmpdir(), "muster-generate-"));
  try {
    process.exitCode = (await generateInto(fresh)) ? 0 : 1;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

async function generateInto(fresh: string): Promise<boolean> {
  const template = join(repositoryRoot, "scripts/protobuf.template.json");
  if (!runBuf(["lint"]) || !runBuf(["generate", "--template", template, "--output", fresh])) return false;
  const differences = await (options.check ? compareFolders : replaceFolder)(fresh, options.output);
  for (const { path, kind } of differences) console.log(`${kind}: ${path}`);
  if (options.check && differences.length > 0) {
    console.error("generate: the committed code does not match the protos; run `npm run generate` and commit");
    return false;
  }
  console.log(`generate: ${differences.length === 0 ? "up to date" : `${differences.length} file(s) written`}`);
  return true;
}

function runBuf(args: string[]): boolean {
  // buf says on stderr what is wrong, with file and line; a stack trace of ours would only bury it.
  const { status, error } = spawnSync("buf", args, { cwd: options.proto, env: toolEnvironment(), stdio: "inherit" });
  if (error !== undefined) console.error(`generate: cannot start buf (${error.message}); run \`npm ci\``);
  return status === 0;
}
