#!/usr/bin/env node
// Muster runs on Node 26. Started by an older one, this hands over to the Node that came with `npm ci`; so nothing in
// this file may be newer than Node 14.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const NODE_MAJOR_MIN = 26;
const main = join(dirname(fileURLToPath(import.meta.url)), "..", "src", "main.ts");

if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR_MIN) {
  import(pathToFileURL(main).href);
} else {
  let node;
  try {
    const require = createRequire(import.meta.url);
    node = join(
      dirname(require.resolve("node/package.json")),
      "bin",
      process.platform === "win32" ? "node.exe" : "node",
    );
  } catch {
    console.error(
      `muster: this is Node ${process.versions.node}; Muster needs ${NODE_MAJOR_MIN}. Run \`npm ci\` in the repository: it brings its own.`,
    );
    process.exit(1);
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  // A Ctrl-C reaches the child by itself; what is sent to this process alone is passed on.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("error", (error) => {
    console.error(`muster: cannot start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code === null ? (signal === "SIGINT" ? 130 : 1) : code));
}
