/** TLS of one new connection. Texts are PEM. A changed object means changed content: compare by identity. */
export interface ConnectionTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  /** False only where a kubeconfig says `insecure-skip-tls-verify`. */
  readonly rejectUnauthorized: boolean;
}

/** Where one API server is and how to be let in, whatever said so: a kubeconfig, or a pod's service account. */
export interface ClusterConnection {
  /** For people: `context prod-eu-1`, `in-cluster`. */
  readonly description: string;
  /** `https://host:port`, perhaps with a path, without a slash at the end. */
  readonly server: string;
  /** The namespace that the context or the service account names. */
  readonly namespace: string | undefined;
  /** Asked for every new connection, so that rotated certificates are taken up. */
  tls(): Promise<ConnectionTls>;
  /**
   * The Authorization header, asked for every request, so it is cached inside. `isRefused` says that the API server
   * did not accept the last one: read or make it anew.
   */
  authorization(opts: { isRefused: boolean }): Promise<string | undefined>;
}
