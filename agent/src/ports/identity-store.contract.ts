import type { KeyHash } from "@muster/shared/model/joining.ts";
import { describe, expect, it } from "vitest";
import type { IdentityStore, StoredIdentity } from "./identity-store.ts";

export const anIdentity = (more: Partial<StoredIdentity> = {}): StoredIdentity => ({
  privateKey: "-----BEGIN PRIVATE KEY-----\nnot a key\n-----END PRIVATE KEY-----\n",
  clusterUid: "uid-1",
  membership: {
    hubId: "hub-1",
    caHash: `sha256:${"ab".repeat(32)}` as KeyHash,
    clusterId: "c-1",
    clusterName: "prod-eu-1",
    tokenId: "0123456789abcdef",
    root: "root",
    certificate: "certificate",
    notBefore: 1,
    notAfter: 2,
    keySets: [{ payload: Uint8Array.of(0, 255, 7), keyId: "root", signature: new Uint8Array(64).fill(9) }],
    endpoints: ["hub.example.com:7443"],
  },
  ...more,
});

/** `open` gives another store of the same place, as another pod has it. */
export function identityStoreContract(makeSubject: () => Promise<{ open(): IdentityStore; close(): Promise<void> }>) {
  const scenario = (name: string, run: (open: () => IdentityStore) => Promise<void>) =>
    it(name, async () => {
      const subject = await makeSubject();
      try {
        await run(subject.open);
      } finally {
        await subject.close();
      }
    });

  describe("an identity store", () => {
    scenario("is empty at first, and gives back what was saved, byte for byte, to whoever opens it", async (open) => {
      const store = open();
      expect(await store.load()).toBeNull();
      await store.save(anIdentity({ membership: null }));
      expect(await open().load()).toEqual(anIdentity({ membership: null }));
      await store.save(anIdentity());
      expect(await open().load()).toEqual(anIdentity());
    });

    scenario("lets one of two first writers win", async (open) => {
      const [one, other] = [open(), open()];
      await Promise.all([one.load(), other.load()]);
      const saves = await Promise.allSettled([
        one.save(anIdentity({ clusterUid: "one" })),
        other.save(anIdentity({ clusterUid: "other" })),
      ]);
      expect(saves.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      const loser = saves.find((save) => save.status === "rejected");
      expect(loser?.reason).toMatchObject({ code: "conflict" });
    });

    scenario("refuses to write over what it has not seen, until it has", async (open) => {
      const [one, other] = [open(), open()];
      await one.save(anIdentity({ membership: null }));
      await other.load();
      await one.save(anIdentity());
      await expect(other.save(anIdentity({ clusterUid: "late" }))).rejects.toMatchObject({ code: "conflict" });
      expect(await other.load()).toEqual(anIdentity());
      await other.save(anIdentity({ clusterUid: "late" }));
      expect((await one.load())?.clusterUid).toBe("late");
    });
  });
}
