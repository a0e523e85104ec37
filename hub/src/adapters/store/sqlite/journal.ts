import type { Journal, Json } from "../../../ports/store.ts";
import type { Connection } from "./connection.ts";

export function createJournal(connection: Connection): Journal {
  return {
    append: (stream, entries, { ifHead } = {}) =>
      connection.run({
        op: "append",
        stream,
        entries: entries.map(({ id, value }) => ({ id, text: JSON.stringify(value) })),
        ifHead: ifHead ?? null,
      }),
    async read(stream, { after, limit }) {
      const rows = await connection.run<{ sequence: number; id: string; text: string }[]>({
        op: "read",
        stream,
        after,
        limit,
      });
      return rows.map(({ sequence, id, text }) => ({ sequence, id, value: JSON.parse(text) as Json }));
    },
    head: (stream) => connection.run({ op: "head", stream }),
  };
}
