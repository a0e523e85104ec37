import type { TestCluster } from "../control-plane/provider.ts";

/** The identity as an agent keeps it in its cluster, read and written from outside as whoever steals the Secret could. */
export interface StoredIdentityJson {
  readonly privateKey: string;
  readonly clusterUid: string;
  readonly membership: {
    readonly hubId: string;
    readonly caHash: string;
    readonly clusterId: string;
    readonly clusterName: string;
    readonly root: string;
    readonly certificate: string;
    readonly notBefore: number;
    readonly notAfter: number;
    readonly endpoints: readonly string[];
  } | null;
}

export interface IdentityPlace {
  readonly cluster: Pick<TestCluster, "request">;
  readonly namespace: string;
}

const FIELD = "identity.json";
const pathOf = ({ namespace }: IdentityPlace): string => `/api/v1/namespaces/${namespace}/secrets/muster-identity`;

/** Null: there is no such Secret yet. */
export async function readIdentity(place: IdentityPlace): Promise<StoredIdentityJson | null> {
  const { status, json, text } = await place.cluster.request("GET", pathOf(place));
  if (status === 404) return null;
  if (status !== 200) throw new Error(`identity of ${place.namespace}: ${text}`);
  return JSON.parse(Buffer.from(json.data[FIELD], "base64").toString("utf8"));
}

/** Makes or replaces it. The agent must not run: it would write over it, or be told of a conflict. */
export async function writeIdentity(place: IdentityPlace, identity: StoredIdentityJson): Promise<void> {
  const name = "muster-identity";
  const data = { [FIELD]: Buffer.from(JSON.stringify(identity)).toString("base64") };
  const present = await place.cluster.request("GET", pathOf(place));
  const answer =
    present.status === 404
      ? await place.cluster.request("POST", `/api/v1/namespaces/${place.namespace}/secrets`, {
          body: { apiVersion: "v1", kind: "Secret", type: "Opaque", metadata: { name }, data },
        })
      : await place.cluster.request("PUT", pathOf(place), { body: { ...present.json, data } });
  if (answer.status >= 300) throw new Error(`identity of ${place.namespace} not written: ${answer.text}`);
}
