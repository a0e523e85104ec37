import { describe, expect, it } from "vitest";
import { splitOutput } from "./split-output.ts";

const split = (text: string) =>
  splitOutput(Buffer.from(text), (name) => `at/${name}`).map(({ path, bytes }) => [
    path,
    Buffer.from(bytes).toString(),
  ]);

describe("what helm template wrote", () => {
  it("is told apart by the templates that it came out of", () => {
    const text =
      "---\n# Source: shop/templates/b.yaml\na: 1\n---\n# Source: shop/templates/a.yaml\nb: 2\n---\n# Source: shop/templates/b.yaml\nc: 3\n";
    expect(split(text)).toEqual([
      ["at/shop/templates/a.yaml", "---\nb: 2\n"],
      ["at/shop/templates/b.yaml", "---\na: 1\n---\nc: 3\n"],
    ]);
  });

  it("stays whole, and is read once, however many parts it says to have", () => {
    let asked = 0;
    const part = "---\n# Source: x\na: 1\n";
    const [manifest] = splitOutput(Buffer.from(part.repeat(200_000)), (name) => {
      asked += 1;
      return name;
    });
    expect(asked).toBeLessThanOrEqual(25_000);
    expect(
      Buffer.from(manifest?.bytes ?? [])
        .toString()
        .match(/a: 1/g)?.length,
    ).toBe(200_000);
  });
});
