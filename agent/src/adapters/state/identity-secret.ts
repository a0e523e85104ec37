import { AppError } from "@muster/shared/errors.ts";
import { keyHash, signedKeySetJson } from "@muster/shared/model/joining.ts";
import { keySetFromJson, keySetToJson } from "@muster/shared/trust/enrolment.ts";
import { z } from "zod";
import type { ClusterApi, LiveObject } from "../../ports/cluster-api.ts";
import type { IdentityStore, StoredIdentity } from "../../ports/identity-store.ts";

const FIELD = "identity.json";
const FORMAT = "muster-agent-identity/v1";

const stored = z.object({
  format: z.literal(FORMAT),
  privateKey: z.string(),
  clusterUid: z.string(),
  membership: z
    .object({
      hubId: z.string(),
      caHash: keyHash,
      clusterId: z.string(),
      clusterName: z.string(),
      tokenId: z.string(),
      root: z.string(),
      certificate: z.string(),
      notBefore: z.int(),
      notAfter: z.int(),
      keySets: z.array(signedKeySetJson),
      endpoints: z.array(z.string()),
    })
    .nullable(),
});

/**
 * The identity in one Secret of the agent's namespace: a new pod, on whatever node, is the same agent. Every write
 * carries the resourceVersion that was read, so of two pods that write at once one is told to read again.
 */
export function createIdentitySecret(opts: {
  readonly api: Pick<ClusterApi, "get" | "create" | "replace">;
  readonly namespace: string;
  /** `muster-identity` unless told. */
  readonly name?: string;
}): IdentityStore {
  const { api, namespace } = opts;
  const name = opts.name ?? "muster-identity";
  const where = `Secret ${namespace}/${name}`;
  let held: LiveObject | null = null;

  return {
    async load() {
      held = await api.get({ apiVersion: "v1", kind: "Secret", namespace, name });
      return held === null ? null : read(held, where);
    },
    async save(identity) {
      const data = { [FIELD]: Buffer.from(JSON.stringify(toJson(identity))).toString("base64") };
      if (held !== null) {
        held = await api.replace({ ...held, data });
        return;
      }
      const labels = { "app.kubernetes.io/name": "muster-agent", "app.kubernetes.io/managed-by": "muster" };
      const metadata = { name, namespace, labels };
      held = await api.create({ apiVersion: "v1", kind: "Secret", type: "Opaque", metadata, data });
    },
  };
}

function read(secret: LiveObject, where: string): StoredIdentity | null {
  const data = secret.data as Readonly<Record<string, string>> | undefined;
  const field = data?.[FIELD];
  // An empty Secret that somebody made beforehand (to grant rights by name) holds no identity yet.
  if (field === undefined) return null;
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(field, "base64").toString("utf8"));
  } catch (cause) {
    throw broken(where, "it is not JSON", cause);
  }
  const parsed = stored.safeParse(json);
  if (!parsed.success)
    throw broken(where, `${parsed.error.issues[0]?.path.join(".")} ${parsed.error.issues[0]?.message}`);
  const { format: _, membership, ...rest } = parsed.data;
  return {
    ...rest,
    membership: membership && { ...membership, keySets: membership.keySets.map(keySetFromJson) },
  };
}

const toJson = (identity: StoredIdentity): z.infer<typeof stored> => ({
  format: FORMAT,
  privateKey: identity.privateKey,
  clusterUid: identity.clusterUid,
  membership: identity.membership && {
    ...identity.membership,
    keySets: identity.membership.keySets.map(keySetToJson),
    endpoints: [...identity.membership.endpoints],
  },
});

const broken = (where: string, why: string, cause?: unknown): AppError =>
  new AppError("corrupt", `${where}: ${FIELD} cannot be read: ${why}.`, {
    cause,
    fix: `Delete the Secret and join again with a new token: muster cluster register NAME`,
  });
