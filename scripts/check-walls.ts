// `npm run walls`: fails if an import crosses a wall, naming the wall. Run through the tool's API, because its command
// line warns about a missing TypeScript compiler, which swc stands in for here.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "./repository.ts";
import { findRefusals } from "./walls.ts";

const folders = ["shared", "hub", "agent", "cli", "e2e", "bench", "scripts"].filter((folder) =>
  existsSync(join(repositoryRoot, folder)),
);
const { refusals, modules, imports } = await findRefusals(repositoryRoot, folders);
for (const { from, to, rule } of refusals) console.error(`${rule}: ${from} -> ${to}`);
console.log(`walls: ${modules} modules, ${imports} imports, ${refusals.length} over a wall`);
if (refusals.length > 0) process.exitCode = 1;
