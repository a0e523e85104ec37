import { AppError } from "@muster/shared/errors.ts";
import { DOCUMENTS_VERSION, SCHEMA_KEY, schemaVersion, schemaVersions } from "../core/documents/schema-version.ts";
import type { Documents, Json } from "../ports/store.ts";

/** One step from the version before: reads and writes documents as they are stored. Must be safe to repeat. */
export type Migration = (documents: Documents) => Promise<void>;

/** `MIGRATIONS[n]` leads from version n + 1 to n + 2. Append-only. */
const MIGRATIONS: readonly Migration[] = [
  // 2: Releases with many variants, definitions of more kinds. What version 1 wrote reads as it is; the step keeps a
  // hub of version 1, which would take a Release with many variants for a broken one, from opening the store.
  async () => {},
];

/**
 * Brings the stored documents to this hub's version, before anything reads them.
 * @throws AppError "unsupported" when a newer hub wrote them: nothing is touched.
 */
export async function openDocuments(
  documents: Documents,
  opts: { hubVersion: string; migrations?: readonly Migration[]; versionKnown?: number },
): Promise<void> {
  const { hubVersion, migrations = MIGRATIONS, versionKnown = DOCUMENTS_VERSION } = opts;
  const key = { collection: schemaVersions.collection, key: SCHEMA_KEY };
  const stored = await documents.get(key);
  if (stored === null) {
    await documents.put(key, { version: versionKnown, writtenBy: hubVersion }, { ifVersion: null });
    return;
  }
  const parsed = schemaVersion.safeParse(stored.value);
  if (!parsed.success)
    throw new AppError("corrupt", "the store's schema version cannot be read", { cause: parsed.error });
  const { version, writtenBy } = parsed.data;
  if (version > versionKnown) {
    throw new AppError(
      "unsupported",
      `the store holds documents of version ${version}, written by Muster ${writtenBy}; this is Muster ${hubVersion}, which reads up to version ${versionKnown}`,
      { fix: `Start Muster ${writtenBy} or later on this data, or restore a backup made before the upgrade.` },
    );
  }
  let current: { version: number; stored: number } = { version, stored: stored.version };
  for (const migrate of migrations.slice(version - 1, versionKnown - 1)) {
    await migrate(documents);
    const next: Json = { version: current.version + 1, writtenBy: hubVersion };
    current = { version: current.version + 1, stored: await documents.put(key, next, { ifVersion: current.stored }) };
  }
}

/** Whether a hub has written to this store before. */
export const hasLived = async (documents: Documents): Promise<boolean> =>
  (await documents.get({ collection: schemaVersions.collection, key: SCHEMA_KEY })) !== null;
