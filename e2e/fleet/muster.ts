import { spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, dirname, join } from "node:path";
import { binaryPath } from "../control-plane/build/cache-folder.ts";
import { tools } from "../control-plane/versions.ts";
import type { HubProcess } from "./hub-process.ts";

const main = join(import.meta.dirname, "../../cli/src/main.ts");

/** With helm and kustomize of the tests first, and whatever the machine has. */
export const pathWithTools: string = [
  dirname(binaryPath(tools.helm, "helm")),
  dirname(binaryPath(tools.kustomize, "kustomize")),
  process.env.PATH ?? "",
].join(delimiter);

export interface Ran {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

/** One `muster WORDS` as a real process, in a home that knows no hub unless `hub` says which. */
export async function runMuster(
  words: readonly string[],
  { home, hub, caFile }: { home: string; hub?: HubProcess; caFile?: string },
): Promise<Ran> {
  const access =
    hub === undefined
      ? {}
      : { MUSTER_HUB: hub.url, MUSTER_TOKEN: hub.token, MUSTER_CA_FILE: caFile ?? join(hub.dataDir, "ca.pem") };
  const child = spawn(process.execPath, [main, ...words], {
    env: { HOME: home, TMPDIR: home, PATH: pathWithTools, ...access },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text.out += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text.err += chunk;
  });
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, ...text };
}
