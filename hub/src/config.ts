import { parseDuration } from "@muster/shared/duration.ts";
import { AppError } from "@muster/shared/errors.ts";
import { RELEASE_HISTORY_MAX } from "@muster/shared/model/definitions/app.ts";
import { flagsText, readFlags } from "@muster/shared/read-flags.ts";
import { z } from "zod";
import { BUNDLE_BYTES_CEILING, BUNDLE_LIMITS, type BundleLimits } from "./core/bundle-limits.ts";
import { RELEASE_HISTORY_LIMIT } from "./core/plan-retention.ts";
import { REMOVAL_GUARD, type RemovalGuard } from "./core/removal-brake.ts";

/** `host:port`, `[::1]:port`; port 0 chooses a free one. */
const listenAddress = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^:[\]]+):\d{1,5}$/, "write it as host:port")
  .transform((text) => {
    const colon = text.lastIndexOf(":");
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
  })
  .refine(({ port }) => port <= 65_535, "a port is at most 65535");

const names = z
  .string()
  .transform((text) =>
    text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  )
  .pipe(z.array(z.string().max(253)).max(32));

const yesOrNo = z.enum(["true", "false"], { error: "write true or false" }).transform((text) => text === "true");

const HEARTBEAT_MS = { min: 500, max: 60_000 } as const;
const CHART_POLL_MS = { min: 1_000, max: 24 * 60 * 60_000 } as const;

/** Milliseconds, from `15s`. */
const duration = (example: string) =>
  z.string().transform((text, context) => {
    try {
      return parseDuration(text);
    } catch {
      context.addIssue(`write it as ${example}`);
      return z.NEVER;
    }
  });

const heartbeat = duration("15s").refine(
  (ms) => ms >= HEARTBEAT_MS.min && ms <= HEARTBEAT_MS.max,
  "it is between 500ms and 60s",
);
const chartPoll = duration("5m").refine(
  (ms) => ms >= CHART_POLL_MS.min && ms <= CHART_POLL_MS.max,
  "it is between 1s and 24h",
);

const MEBIBYTE = 1024 * 1024;

/** Bytes, from `32Mi`, as Kubernetes writes it, or `32MiB`. */
const mebibytes = z
  .string()
  .regex(/^\d{1,6}Mi(B)?$/, "write it as 32Mi")
  .transform((text) => Number.parseInt(text, 10) * MEBIBYTE);

const count = z.coerce.number().int().min(0).max(1_000_000);
const percent = z.coerce.number().int().min(0).max(100);

/** Everything the hub is told. Each key is a flag (`--data-dir`) and an environment variable (`MUSTER_DATA_DIR`). */
export const hubConfig = z.strictObject({
  "data-dir": z.string().min(1).describe("database, keys, Git mirrors, the first token. Made if it is not there"),
  listen: listenAddress.prefault("127.0.0.1:8443").describe("The REST API. Loopback unless told otherwise"),
  "link-listen": listenAddress.prefault("127.0.0.1:8444").describe("the agents' link. Loopback unless told otherwise"),
  address: z
    .url({ protocol: /^https$/, error: "write it as https://hub.example.com" })
    .optional()
    .describe("where people and agents reach the API: what `muster cluster register` prints. Absent: where it listens"),
  "link-address": z
    .string()
    .regex(/^.+:\d{1,5}$/, "write it as host:port")
    .optional()
    .describe("where agents reach the link, told them when they join. Absent: where it listens"),
  heartbeat: heartbeat
    .prefault("15s")
    .describe(
      "how often hub and agents say that they are there; after three that stayed out, a connection is given up",
    ),
  "chart-poll": chartPoll
    .prefault("5m")
    .describe("how often chart repositories and registries are asked which version a range means now"),
  "tls-names": names
    .prefault("")
    .describe("more DNS names and IP addresses for the API's certificate, separated by commas"),
  "credentials-dir": z
    .string()
    .min(1)
    .optional()
    .describe(
      "a directory with one directory for each credential, as Kubernetes mounts Secrets: see docs/reference/credentials.md",
    ),
  "allow-addresses": names
    .prefault("")
    .describe(
      "networks beyond the public ones that repositories, charts and token endpoints may be at: 10.1.0.0/16, single addresses, loopback, private, link-local, or all, separated by commas",
    ),
  "allow-file-urls": yesOrNo
    .prefault("false")
    .describe("whether a Source may be a directory of the hub's own machine, `file:///srv/git/fleet`"),
  "signers-dir": z
    .string()
    .min(1)
    .optional()
    .describe(
      "a directory of mounted signer sets: `<set>/*.asc` (GPG public keys) and `<set>/allowed_signers` (SSH), for Sources that verify who signed",
    ),
  "webhook-secret": z
    .string()
    .min(1)
    .optional()
    .describe(
      "shared with the Git host: webhooks without its signature are refused, and all of them while there is none",
    ),
  "webhook-secret-file": z
    .string()
    .min(1)
    .optional()
    .describe("a file that holds the webhook secret, or several, one on each line, while one is exchanged"),
  "git-engine": z
    .enum(["auto", "native", "isomorphic"])
    .default("auto")
    .describe("`auto`: the native binary where there is a recent one"),
  "render-workers": z.coerce.number().int().min(1).max(64).default(2).describe("threads that render"),
  helm: z.string().min(1).optional().describe("path of the helm binary. Absent: the one on the path, if there is one"),
  kustomize: z
    .string()
    .min(1)
    .optional()
    .describe("path of the kustomize binary. Absent: the one on the path, if there is one"),
  "render-processes": z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(2)
    .describe("helm and kustomize processes at the same time; up to two more for repositories that have none running"),
  renderer: z
    .string()
    .regex(/^(unix:\/.+|.+:\d{1,5})$/, "write it as unix:/run/muster/renderer.sock or host:port")
    .optional()
    .describe(
      "helm and kustomize in a container of their own: its socket, or its address. Absent: they run beside the hub",
    ),
  "renderer-root": z.string().min(1).optional().describe("with an address: file of the renderer's root, PEM"),
  "renderer-certificate": z.string().min(1).optional().describe("and of the certificate that the hub shows it, PEM"),
  "renderer-key": z.string().min(1).optional().describe("and of that certificate's key, PEM"),
  "require-projects": yesOrNo
    .prefault("false")
    .describe("whether a Project that nobody defined is an error; otherwise it has no limits, as `default` has none"),
  "release-history-limit": z.coerce
    .number()
    .int()
    .min(1)
    .max(RELEASE_HISTORY_MAX)
    .default(RELEASE_HISTORY_LIMIT)
    .describe(
      "how many of an App's newest Releases are kept to roll back to, beside those that run or are pinned, unless its definition says it (releaseHistoryLimit)",
    ),
  "bundle-bytes-max": mebibytes
    .refine((bytes) => bytes >= MEBIBYTE && bytes <= BUNDLE_BYTES_CEILING, "it is between 1Mi and 64Mi")
    .prefault(`${BUNDLE_LIMITS.bundleBytesMax / MEBIBYTE}Mi`)
    .describe("how large all objects of an App may be together in one cluster, as canonical JSON"),
  "bundle-objects-max": z.coerce
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(BUNDLE_LIMITS.objectsMax)
    .describe("how many objects of an App there may be in one cluster"),
  "removal-guard-pairs": count
    .default(REMOVAL_GUARD.pairs)
    .describe("placements (an App in a cluster) that may go at once without a person's approval"),
  "removal-guard-pairs-percent": percent
    .default(REMOVAL_GUARD.pairsPercent)
    .describe("the same in per cent of all placements; the larger of the two counts"),
  "removal-guard-objects": count
    .default(REMOVAL_GUARD.objects)
    .describe("objects of an App that may be deleted at once without a person's approval"),
  "removal-guard-objects-percent": percent
    .default(REMOVAL_GUARD.objectsPercent)
    .describe("the same in per cent of the App's objects; the larger of the two counts"),
  "log-level": z
    .enum(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("debug, info, warn, error or silent"),
});
export type HubConfig = z.infer<typeof hubConfig>;

const fixes: Readonly<Partial<Record<string, string>>> = {
  "data-dir": "Give --data-dir a folder that survives restarts.",
  listen: "Give --listen 127.0.0.1:8443, or 0.0.0.0:8443 to be reached from outside.",
  "link-listen": "Give --link-listen 127.0.0.1:8444, or 0.0.0.0:8444 to be reached from outside.",
  address: "Give --address https://hub.example.com.",
  "link-address": "Give --link-address hub.example.com:8444.",
  heartbeat: "Give --heartbeat 15s.",
  "chart-poll": "Give --chart-poll 5m.",
  "release-history-limit": `Give --release-history-limit 10, or another number from 1 to ${RELEASE_HISTORY_MAX}.`,
  "bundle-bytes-max": "Give --bundle-bytes-max 32Mi.",
  "bundle-objects-max": "Give --bundle-objects-max 20000.",
  renderer: "Give --renderer unix:/run/muster/renderer.sock.",
  "require-projects": "Give --require-projects true.",
  "allow-file-urls": "Give --allow-file-urls true.",
};

/**
 * What the hub was told: flags over environment variables over defaults.
 * @throws AppError "invalid" that names the key and the fix.
 */
export function readConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): HubConfig {
  const config = readFlags(hubConfig, { program: "the hub", argv, env, fixes });
  if (config["webhook-secret"] !== undefined && config["webhook-secret-file"] !== undefined) {
    throw new AppError("invalid", "--webhook-secret and --webhook-secret-file are both given.", {
      fix: "Give one of them.",
    });
  }
  const tls = [config["renderer-root"], config["renderer-certificate"], config["renderer-key"]];
  if (config.renderer !== undefined && !config.renderer.startsWith("unix:") && tls.includes(undefined)) {
    throw new AppError(
      "invalid",
      "--renderer is an address, and --renderer-root, --renderer-certificate and --renderer-key are not all given.",
      { fix: "Give all three, or share a socket: --renderer unix:/run/muster/renderer.sock." },
    );
  }
  return config;
}

/** What `--help` prints. */
export const usage = (): string => flagsText(hubConfig, "the hub");

/** How much may leave clusters without a person's approval. */
export const removalGuardOf = (config: HubConfig): RemovalGuard => ({
  pairs: config["removal-guard-pairs"],
  pairsPercent: config["removal-guard-pairs-percent"],
  objects: config["removal-guard-objects"],
  objectsPercent: config["removal-guard-objects-percent"],
});

/** What one bundle may hold. */
export const bundleLimitsOf = (config: HubConfig): BundleLimits => ({
  ...BUNDLE_LIMITS,
  bundleBytesMax: config["bundle-bytes-max"],
  objectsMax: config["bundle-objects-max"],
});
