/** How a remote is spoken to. Resolved from a mounted directory at each use; used, and never logged, stored or shown. */
export interface Credentials {
  readonly auth:
    | { readonly kind: "none" }
    | { readonly kind: "basic"; readonly username: string; readonly password: string }
    | { readonly kind: "token"; readonly token: string }
    /** OpenSSH private key and known_hosts, each as text. */
    | { readonly kind: "ssh"; readonly privateKey: string; readonly knownHosts: string };
  readonly tls: {
    /** PEM; trusted beside the system's own. */
    readonly ca: string | null;
    readonly client: { readonly certificate: string; readonly key: string } | null;
  };
  /** `http://proxy.example.com:3128`; null: none. */
  readonly proxy: string | null;
}

export const NO_CREDENTIALS: Credentials = { auth: { kind: "none" }, tls: { ca: null, client: null }, proxy: null };

/** Who wants to use a credential, and for what: each is bound to addresses and Projects. */
export interface CredentialUse {
  readonly project: string;
  readonly url: string;
}

export interface CredentialStore {
  /**
   * @throws AppError "not-found" (no credential of this name), "forbidden" (bound to other addresses or Projects),
   * "invalid" (what is mounted makes no sense), "unavailable" (a token could not be had).
   */
  resolve(name: string, use: CredentialUse, opts: { signal: AbortSignal }): Promise<Credentials>;
}
