import { randomBytes } from "node:crypto";
import { userInfo } from "node:os";

export interface GiteaSettings {
  /** Holds everything it writes. */
  readonly folder: string;
  readonly staticFolder: string;
  readonly port: number;
  /** Serves Git over SSH there too. */
  readonly sshPort: number | undefined;
  /** Whether it is a registry of packages too: charts, OCI artifacts. */
  readonly packages: boolean;
  readonly runAs: GiteaAccount;
}

export interface GiteaAccount {
  readonly name: string;
  /** To change to; undefined to stay who we are. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}

/** Gitea refuses to run as root, where it becomes the user that every system has for owning nothing. */
export function giteaAccount(): GiteaAccount {
  if (process.getuid?.() !== 0) return { name: userInfo().username, user: undefined };
  return { name: "nobody", user: { uid: 65_534, gid: 65_534 } };
}

/** `app.ini` of a server that needs no set-up in a browser and reaches nothing outside the machine. */
export function giteaConfiguration(settings: GiteaSettings): string {
  const { folder, port, sshPort } = settings;
  return iniText({
    "": { APP_NAME: "Muster test forge", RUN_USER: settings.runAs.name, RUN_MODE: "prod", WORK_PATH: folder },
    server: {
      PROTOCOL: "http",
      HTTP_ADDR: "127.0.0.1",
      HTTP_PORT: port,
      DOMAIN: "127.0.0.1",
      ROOT_URL: `http://127.0.0.1:${port}/`,
      STATIC_ROOT_PATH: settings.staticFolder,
      OFFLINE_MODE: true,
      LFS_START_SERVER: true,
      LFS_JWT_SECRET: secret(32),
      ...(sshPort === undefined
        ? { DISABLE_SSH: true }
        : {
            START_SSH_SERVER: true,
            SSH_LISTEN_HOST: "127.0.0.1",
            SSH_LISTEN_PORT: sshPort,
            SSH_DOMAIN: "127.0.0.1",
            SSH_PORT: sshPort,
          }),
    },
    database: { DB_TYPE: "sqlite3", PATH: `${folder}/gitea.db` },
    repository: { ROOT: `${folder}/repositories`, DEFAULT_BRANCH: "main" },
    security: {
      INSTALL_LOCK: true,
      SECRET_KEY: secret(32),
      INTERNAL_TOKEN: secret(32),
      // Every Git request checks the password; the strong default would cost each a tenth of a second.
      PASSWORD_HASH_ALGO: "pbkdf2$1000$50",
    },
    oauth2: { ENABLED: false, JWT_SECRET: secret(32) },
    service: { DISABLE_REGISTRATION: true },
    webhook: { ALLOWED_HOST_LIST: "*", DELIVER_TIMEOUT: 10 },
    log: { MODE: "console", LEVEL: "Warn" },
    session: { PROVIDER: "memory" },
    indexer: { ISSUE_INDEXER_TYPE: "db" },
    mailer: { ENABLED: false },
    actions: { ENABLED: false },
    packages: { ENABLED: settings.packages },
    "cron.update_checker": { ENABLED: false },
  });
}

/** As Gitea's own generator makes them: 32 bytes, base64 for URLs without padding. */
const secret = (bytes: number): string => randomBytes(bytes).toString("base64url");

function iniText(sections: Record<string, Record<string, string | number | boolean>>): string {
  return Object.entries(sections)
    .map(([name, settings]) => {
      const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
      return [...(name ? [`[${name}]`] : []), ...lines, ""].join("\n");
    })
    .join("\n");
}
