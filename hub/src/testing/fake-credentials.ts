import { AppError } from "@muster/shared/errors.ts";
import { isAtOrBelow, parseRemote } from "../core/remote-address.ts";
import type { CredentialStore, Credentials } from "../ports/credentials.ts";

export interface FakeCredential {
  readonly credentials: Credentials;
  readonly urls: readonly string[] | null;
  readonly projects: readonly string[] | null;
}

/** Credentials in memory, bound as mounted ones are. */
export interface FakeCredentials extends CredentialStore {
  readonly all: Map<string, FakeCredential>;
}

export function fakeCredentials(): FakeCredentials {
  const all = new Map<string, FakeCredential>();
  return {
    all,
    async resolve(name, { project, url }) {
      const found = all.get(name);
      if (found === undefined) throw new AppError("not-found", `there is no credential ${JSON.stringify(name)}`);
      for (const file of ["urls", "projects"] as const) {
        if (!found[file]?.length) {
          throw new AppError("invalid", `credential ${name} is bound to nothing`, { fix: `Add a file "${file}".` });
        }
      }
      const address = parseRemote(url);
      const isProject = found.projects?.some((allowed) => allowed === "*" || allowed === project);
      const isUrl = found.urls?.some((text) => {
        const prefix = parseRemote(text);
        return address !== null && prefix !== null && isAtOrBelow(address, prefix);
      });
      if (isProject && isUrl) return found.credentials;
      throw new AppError("forbidden", `credential ${name} is not for this use`, {
        fix: "Bind it to this use as well.",
      });
    },
  };
}
