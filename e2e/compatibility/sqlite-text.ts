import { DatabaseSync } from "node:sqlite";

/** A whole SQLite file as text that shows in a diff: every table and index, every row, and what the header says. */
export function sqliteToText(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const read = (pragma: string) => Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
    const lines = [
      `PRAGMA application_id = ${read("application_id")};`,
      `PRAGMA user_version = ${read("user_version")};`,
    ];
    const schema = database
      .prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
      .all() as { type: string; name: string; sql: string }[];
    for (const { sql } of schema) lines.push(`${sql};`);
    for (const { type, name } of schema) {
      if (type !== "table") continue;
      const columns = (database.prepare(`PRAGMA table_info(${name})`).all() as { name: string }[]).map(
        (column) => column.name,
      );
      const quoted = columns.map((column) => `quote("${column}")`).join(" || ', ' || ");
      const rows = database.prepare(`SELECT ${quoted} AS row FROM ${name} ORDER BY row`).all() as { row: string }[];
      for (const { row } of rows) lines.push(`INSERT INTO ${name} VALUES (${row});`);
    }
    return `${lines.join("\n")}\n`;
  } finally {
    database.close();
  }
}

/** The file that the text was made from; it must not be there yet. */
export function sqliteFromText(text: string, file: string): void {
  const database = new DatabaseSync(file);
  try {
    database.exec(text);
  } finally {
    database.close();
  }
}
