import { expect, test } from "vitest";
import { readJsonLines } from "./json-lines.ts";

async function read(chunks: readonly (string | Uint8Array)[], lineBytesMax = 100): Promise<unknown[]> {
  const values: unknown[] = [];
  async function* source() {
    for (const chunk of chunks) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
  }
  for await (const value of readJsonLines(source(), { lineBytesMax })) values.push(value);
  return values;
}

test.each([
  ["one chunk", ['{"a":1}\n{"a":2}\n'], [{ a: 1 }, { a: 2 }]],
  ["cut anywhere", ['{"a"', ":1}", '\n{"a":', "2}\n"], [{ a: 1 }, { a: 2 }]],
  ["empty lines", ["\n\n1\n\n"], [1]],
  ["cut off at the end", ['1\n{"a":'], [1]],
  ["cut inside a character", [Buffer.from('"ü"\n').subarray(0, 2), Buffer.from('"ü"\n').subarray(2)], ["ü"]],
])("reads lines: %s", async (_case, chunks, values) => {
  expect(await read(chunks)).toEqual(values);
});

test("a line without end is too large, not memory without end", async () => {
  await expect(read(["x".repeat(60), "x".repeat(60)])).rejects.toMatchObject({ code: "too-large" });
});

test("what is no JSON is corrupt", async () => {
  await expect(read(["<html>\n"])).rejects.toMatchObject({ code: "corrupt" });
});
