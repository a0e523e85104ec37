import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { Agent, request } from "undici";
import type { ClusterResponse, HttpMethod, RequestOptions } from "../provider.ts";

/** Talks to one API server as an administrator: over kept-alive connections, and through the real kubectl. */
export interface ClusterClient {
  request(method: HttpMethod, path: string, options?: RequestOptions): Promise<ClusterResponse>;
  kubectl(args: readonly string[], options?: { stdin?: string }): Promise<string>;
  kubeSystemUid(): Promise<string>;
  createNamespace(prefix?: string): Promise<string>;
  close(): Promise<void>;
}

export interface ClusterAddress {
  readonly name: string;
  readonly server: string;
  readonly caPem: string;
  readonly adminToken: string;
  readonly kubeconfigPath: string;
  readonly kubectlPath: string;
}

export function clusterClient(address: ClusterAddress): ClusterClient {
  const agent = new Agent({ connect: address.caPem ? { ca: address.caPem } : {}, headersTimeout: 60_000 });

  const ask: ClusterClient["request"] = async (method, path, options = {}) => {
    const { body, contentType = "application/json", token = address.adminToken, signal } = options;
    const answer = await request(`${address.server}${path}`, {
      dispatcher: agent,
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": contentType }),
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, text, json: parseOrEmpty(text) };
  };

  const kubectl: ClusterClient["kubectl"] = (args, { stdin } = {}) =>
    new Promise((resolve, reject) => {
      const child = execFile(
        address.kubectlPath,
        ["--kubeconfig", address.kubeconfigPath, ...args],
        // Its discovery cache must not be shared with other clusters that had the same port before.
        { env: { PATH: process.env.PATH, KUBECACHEDIR: `${address.kubeconfigPath}.cache` }, maxBuffer: 256 << 20 },
        (error, stdout, stderr) => {
          if (!error) resolve(stdout);
          else reject(new Error(`kubectl ${args.join(" ")} on ${address.name}: ${stderr.trim() || error.message}`));
        },
      );
      // kubectl may end before it has read everything; its own message says why.
      child.stdin?.on("error", () => {});
      child.stdin?.end(stdin ?? "");
    });

  const expect = async (method: HttpMethod, path: string, body?: unknown) => {
    const answer = await ask(method, path, { body });
    if (answer.status < 300) return answer.json;
    throw new Error(`${method} ${path} on ${address.name}: ${answer.status} ${answer.json.message ?? answer.text}`);
  };

  return {
    request: ask,
    kubectl,
    kubeSystemUid: async () => (await expect("GET", "/api/v1/namespaces/kube-system")).metadata.uid,
    createNamespace: async (prefix = "muster-test") => {
      const name = `${prefix}-${randomBytes(4).toString("hex")}`;
      await expect("POST", "/api/v1/namespaces", { metadata: { name } });
      return name;
    },
    close: () => agent.destroy(),
  };
}

function parseOrEmpty(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
