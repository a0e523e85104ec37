import { expect, it } from "vitest";
import type { CredentialStore } from "./credentials.ts";

export interface CredentialStoreSubject {
  readonly store: CredentialStore;
  /** A token with what it is bound to. Null instead of a list: nothing says it. Put again, it is another. */
  put(
    name: string,
    given: { token: string; urls: readonly string[] | null; projects: readonly string[] | null },
  ): Promise<void>;
  close(): Promise<void>;
}

/** What every credential store promises. Call it inside a `describe`. */
export function credentialStoreContract(open: () => Promise<CredentialStoreSubject>): void {
  const signal = new AbortController().signal;
  const bound = { token: "t0ken", urls: ["https://git.example.com/team"], projects: ["storefront"] };
  const use = { project: "storefront", url: "https://git.example.com/team/shop.git" };

  async function withSubject(work: (subject: CredentialStoreSubject) => Promise<void>): Promise<void> {
    const subject = await open();
    try {
      await work(subject);
    } finally {
      await subject.close();
    }
  }

  it("gives a credential to a use that it is bound to", () =>
    withSubject(async ({ store, put }) => {
      await put("forge", bound);
      expect(await store.resolve("forge", use, { signal })).toEqual({
        auth: { kind: "token", token: "t0ken" },
        tls: { ca: null, client: null },
        proxy: null,
      });
    }));

  it.each(["forge-2", "..", "../forge", "forge/", ""])("knows none by the name %j", (name) =>
    withSubject(async ({ store, put }) => {
      await put("forge", bound);
      await expect(store.resolve(name, use, { signal })).rejects.toMatchObject({ code: "not-found" });
    }),
  );

  it.each([
    ["another host", { ...use, url: "https://evil.example/team/shop.git" }],
    ["its host within another", { ...use, url: "https://git.example.com@evil.example/team/shop.git" }],
    ["another path", { ...use, url: "https://git.example.com/teams/shop.git" }],
    ["a path that leads out", { ...use, url: "https://git.example.com/team/../other/shop.git" }],
    ["plain HTTP", { ...use, url: "http://git.example.com/team/shop.git" }],
    ["an address of two readings", { ...use, url: "https://git.example.com/team/..%2fother" }],
    ["a foreign Project", { ...use, project: "payments" }],
  ])("refuses it to %s", (_, other) =>
    withSubject(async ({ store, put }) => {
      await put("forge", bound);
      await expect(store.resolve("forge", other, { signal })).rejects.toMatchObject({
        code: "forbidden",
        fix: expect.any(String),
      });
    }),
  );

  it("lets every Project use it by *", () =>
    withSubject(async ({ store, put }) => {
      await put("forge", { ...bound, projects: ["*"] });
      await store.resolve("forge", { ...use, project: "payments" }, { signal });
    }));

  it.each([
    ["urls", { ...bound, urls: null }],
    ["urls", { ...bound, urls: [] }],
    ["projects", { ...bound, projects: null }],
    ["projects", { ...bound, projects: [] }],
  ])("refuses one that nothing binds, and says that %s is missing", (file, given) =>
    withSubject(async ({ store, put }) => {
      await put("forge", given);
      await expect(store.resolve("forge", use, { signal })).rejects.toMatchObject({
        code: "invalid",
        fix: expect.stringContaining(`"${file}"`),
      });
    }),
  );

  it("reads at each use: a rotated secret and a narrowed binding count at once", () =>
    withSubject(async ({ store, put }) => {
      await put("forge", bound);
      await store.resolve("forge", use, { signal });
      await put("forge", { ...bound, token: "an0ther" });
      expect((await store.resolve("forge", use, { signal })).auth).toEqual({ kind: "token", token: "an0ther" });
      await put("forge", { ...bound, projects: ["payments"] });
      await expect(store.resolve("forge", use, { signal })).rejects.toMatchObject({ code: "forbidden" });
    }));
}
