import { expect, it } from "vitest";
import { readArguments } from "./read-arguments.ts";

const options = { once: { type: "boolean", default: false }, name: { type: "string" } } as const;

function read(args: string[]) {
  const refuse = (text: string): never => {
    throw new Error(text);
  };
  return readArguments({ args, options }, { usage: "Usage: demo [--once] [--name NAME]\n", refuse }).values;
}

it("reads what is right", () => {
  expect({ ...read(["--once", "--name", "a"]) }).toEqual({ once: true, name: "a" });
});

it.each([
  [["--onec"], "Unknown option '--onec'."],
  [["--name"], "Option '--name <value>' argument missing."],
  [["--once=yes"], "Option '--once' does not take an argument."],
  [["surplus"], "Unexpected argument 'surplus'."],
])("tells in one line what is wrong with %j, and how it is meant", (args, told) => {
  expect(() => read(args)).toThrow(`${told}\n\nUsage: demo [--once] [--name NAME]\n`);
});
