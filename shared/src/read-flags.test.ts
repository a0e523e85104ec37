import { expect, it } from "vitest";
import { z } from "zod";
import { flagsText, readFlags } from "./read-flags.ts";

const schema = z.strictObject({
  "data-dir": z.string().min(1).describe("where it keeps things"),
  port: z.coerce.number().int().default(80).describe("where it listens"),
});
const read = (argv: string[], env = {}) => readFlags(schema, { program: "the thing", argv, env, fixes: {} });

it("takes flags over variables over defaults", () => {
  const env = { MUSTER_DATA_DIR: "from-env", MUSTER_PORT: "81" };
  expect(read(["--port=82"], env)).toEqual({ "data-dir": "from-env", port: 82 });
  expect(read(["--data-dir", "here"], { MUSTER_PORT: "" })).toEqual({ "data-dir": "here", port: 80 });
});

it("names the nearest flag for a mistyped one", () => {
  expect(() => read(["--date-dir", "x"])).toThrow(
    expect.objectContaining({
      message: '"--date-dir" is not a flag of the thing.',
      fix: expect.stringContaining("--data-dir?"),
    }),
  );
});

it("prints every flag with its variable, meaning and default", () => {
  expect(flagsText(schema, "the thing")).toBe(`Flags of the thing, each also an environment variable:

  --data-dir  MUSTER_DATA_DIR
      Where it keeps things. Required.
  --port  MUSTER_PORT
      Where it listens. Default: 80.
`);
});
