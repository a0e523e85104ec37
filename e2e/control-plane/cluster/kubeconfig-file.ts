import { writeFileSync } from "node:fs";

export interface KubeconfigContent {
  readonly name: string;
  readonly server: string;
  readonly caPem: string;
  readonly token: string;
}

/** JSON, because every reader of kubeconfigs takes YAML and JSON is YAML. */
export function kubeconfigText({ name, server, caPem, token }: KubeconfigContent): string {
  // Without one, the system's own authorities decide.
  const ca = caPem ? { "certificate-authority-data": Buffer.from(caPem).toString("base64") } : {};
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, ...ca } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** @returns the path; readable by its owner only, because a token is in it. */
export function writeKubeconfig(path: string, content: KubeconfigContent): string {
  writeFileSync(path, kubeconfigText(content), { mode: 0o600 });
  return path;
}
