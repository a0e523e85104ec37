import { AppError } from "@muster/shared/errors.ts";
import { flagsText, readFlags } from "@muster/shared/read-flags.ts";
import { z } from "zod";

/** Everything a renderer in a container of its own is told. Each key is a flag and an environment variable. */
export const rendererConfig = z.strictObject({
  directory: z
    .string()
    .min(1)
    .describe("where sandboxes are made; emptied at the start, so it belongs to this renderer"),
  socket: z.string().min(1).optional().describe("listen on this Unix socket, shared with the hub's container"),
  listen: z
    .string()
    .regex(/^.+:\d{1,5}$/, "write it as host:port")
    .optional()
    .describe("or on this address, with TLS and only for the hub's certificate"),
  "tls-certificate": z.string().min(1).optional().describe("with listen: file of this renderer's certificate, PEM"),
  "tls-key": z.string().min(1).optional().describe("with listen: file of its key, PEM"),
  "tls-client-root": z
    .string()
    .min(1)
    .optional()
    .describe("with listen: file of the root of the hub's certificate, PEM"),
  helm: z.string().min(1).optional().describe("path of the helm binary. Absent: the one on the path"),
  kustomize: z.string().min(1).optional().describe("path of the kustomize binary. Absent: the one on the path"),
  processes: z.coerce.number().int().min(1).max(64).default(2).describe("renders at the same time"),
  "log-level": z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
});
export type RendererConfig = z.infer<typeof rendererConfig>;

const fixes = { directory: "Give --directory a folder of its own, best in memory (emptyDir)." };

/** @throws AppError "invalid" that names the key and the fix. */
export function readRendererConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): RendererConfig {
  const config = readFlags(rendererConfig, { program: "the renderer", argv, env, fixes });
  const { socket, listen } = config;
  if ((socket === undefined) === (listen === undefined)) {
    const said =
      socket === undefined ? "Neither --socket nor --listen is given." : "--socket and --listen are both given.";
    throw new AppError("invalid", said, { fix: "Give one of them." });
  }
  const files = [config["tls-certificate"], config["tls-key"], config["tls-client-root"]];
  if (listen !== undefined && files.includes(undefined)) {
    throw new AppError("invalid", "--listen is given without --tls-certificate, --tls-key and --tls-client-root.", {
      fix: "Give all three: whoever can reach a renderer can have it work.",
    });
  }
  return config;
}

/** What `--help` prints. */
export const rendererUsage = (): string => flagsText(rendererConfig, "the renderer");
