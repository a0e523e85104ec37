import { createHash } from "node:crypto";
import type { ForgeCredentials } from "./forge.ts";
import { basicAuthorization } from "./git-command.ts";
import type { GiteaServer } from "./gitea-server.ts";

/** Packages of one owner in a Gitea that was started with `packages`. */
export interface GiteaPackages {
  readonly owner: string;
  /** The Helm chart repository: what `index.yaml` is below. */
  readonly chartRepository: string;
  /** `oci://127.0.0.1:PORT/OWNER`. */
  readonly ociRegistry: string;
  readonly credentials: ForgeCredentials;
  /** As `helm cm-push` does it. */
  uploadChart(archive: Uint8Array): Promise<void>;
  /** Blobs, then the manifest that names them; answers its digest. As `docker`, `helm` and `oras` do it. */
  pushManifest(image: string, tag: string, manifest: object, blobs: readonly Uint8Array[]): Promise<string>;
}

/** Makes an organisation whose packages everybody may read, or only its members. */
export async function giteaPackages(
  gitea: GiteaServer,
  owner: string,
  opts: { isPrivate: boolean },
): Promise<GiteaPackages> {
  const { credentials, url } = gitea;
  await gitea.api("POST", "/orgs", { username: owner, visibility: opts.isPrivate ? "private" : "public" });
  const authorization = basicAuthorization(credentials);

  async function send(method: "POST" | "PUT", path: string, body: Uint8Array, contentType: string): Promise<void> {
    const headers = { authorization, "content-type": contentType };
    const answer = await fetch(`${url}${path}`, { method, headers, body: Uint8Array.from(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} at Gitea: ${answer.status} ${text}`);
  }

  return {
    owner,
    chartRepository: `${url}/api/packages/${owner}/helm`,
    ociRegistry: `oci://${new URL(url).host}/${owner}`,
    credentials,
    uploadChart: (archive) => send("POST", `/api/packages/${owner}/helm/api/charts`, archive, "application/gzip"),
    async pushManifest(image, tag, manifest, blobs) {
      for (const blob of blobs) {
        const path = `/v2/${owner}/${image}/blobs/uploads?digest=${digestOf(blob)}`;
        await send("POST", path, blob, "application/octet-stream");
      }
      const bytes = Buffer.from(JSON.stringify(manifest));
      const type = "application/vnd.oci.image.manifest.v1+json";
      await send("PUT", `/v2/${owner}/${image}/manifests/${tag}`, bytes, type);
      return digestOf(bytes);
    },
  };
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
