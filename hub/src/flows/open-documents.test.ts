import { systemClock } from "@muster/shared/system-clock.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSqliteStore } from "../adapters/store/sqlite/open.ts";
import { DOCUMENTS_VERSION } from "../core/documents/schema-version.ts";
import type { Store } from "../ports/store.ts";
import { hasLived, type Migration, openDocuments } from "./open-documents.ts";

let store: Store;
beforeEach(async () => {
  store = await openSqliteStore({ file: ":memory:", clock: systemClock });
});
afterEach(() => store.close());

describe("openDocuments", () => {
  it("marks a new store, and takes it up again", async () => {
    expect(await hasLived(store.documents)).toBe(false);
    await openDocuments(store.documents, { hubVersion: "0.1.0" });
    await openDocuments(store.documents, { hubVersion: "0.1.1" });
    expect(await hasLived(store.documents)).toBe(true);
    expect((await store.documents.get({ collection: "meta", key: "documents" }))?.value).toEqual({
      version: DOCUMENTS_VERSION,
      writtenBy: "0.1.0",
    });
  });

  it("refuses what a newer hub wrote, by name, and touches nothing", async () => {
    await store.documents.put(
      { collection: "meta", key: "documents" },
      { version: 9, writtenBy: "2.0.0" },
      { ifVersion: null },
    );
    await expect(openDocuments(store.documents, { hubVersion: "0.1.0" })).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("Muster 2.0.0"),
    });
  });

  it("carries out the steps that are missing, each once, and goes on where it was killed", async () => {
    await openDocuments(store.documents, { hubVersion: "0.1.0", versionKnown: 1 });
    const done: string[] = [];
    let isKilled = true;
    const migrations: Migration[] = [
      async () => void done.push("1 to 2"),
      async () => {
        if (isKilled) throw new Error("killed");
        done.push("2 to 3");
      },
    ];
    const opts = { hubVersion: "0.3.0", migrations, versionKnown: 3 };
    await expect(openDocuments(store.documents, opts)).rejects.toThrow("killed");
    isKilled = false;
    await openDocuments(store.documents, opts);
    expect(done).toEqual(["1 to 2", "2 to 3"]);
  });
});
