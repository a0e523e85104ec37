import { describe, expect, it } from "vitest";
import { addReferences, substitute } from "./substitute.ts";

const values = {
  NAME: "shop",
  EMPTY: "",
  TRICKY: "${NAME} $${NAME} }",
  "cluster.name": "prod-eu-1",
  "cluster.labels.tier": "prod",
  "cluster.labels.topology.kubernetes.io/zone": "eu-1a",
  "cluster.facts.kubernetes-minor": "1.37",
};

describe("variables in a text", () => {
  it.each([
    ["nothing at all", "nothing at all"],
    ["${NAME}", "shop"],
    ["a-${NAME}-b-${cluster.name}", "a-shop-b-prod-eu-1"],
    ["${cluster.labels.topology.kubernetes.io/zone}", "eu-1a"],
    ["${cluster.facts.kubernetes-minor}", "1.37"],
    // defaults
    ["${NONE:-x}", "x"],
    ["${NONE-x}", "x"],
    ["${NONE:=x}", "x"],
    ["${NONE=x}", "x"],
    ["${NONE:-}", ""],
    ["${NAME:-x}", "shop"],
    ["${EMPTY:-x}", "x"],
    ["${EMPTY:=x}", "x"],
    ["${EMPTY-x}", ""],
    ["${EMPTY=x}", ""],
    ["${NONE:-a b: c, $d}", "a b: c, $d"],
    ["${NONE:-${NAME}}!", "shop!"],
    ["${NONE:-${ALSO_NONE:-${EMPTY:-deep}}}", "deep"],
    ["${cluster.labels.none:-x}", "x"],
    ["${NAME:-${NEVER_ASKED}}", "shop"],
    // escapes
    ["$${NAME}", "${NAME}"],
    ["$$${NAME}", "$shop"],
    ["$$$${NAME}", "$${NAME}"],
    ["$${NAME} and ${NAME}", "${NAME} and shop"],
    ["${NONE:-$${NAME}}", "${NAME}"],
    ["${NONE:-a $${B} c} d", "a ${B} c d"],
    ["$${NONE:-${NAME}}", "${NONE:-shop}"],
    ["$${", "${"],
    // what is no business of ours
    ["$NAME $(NAME) $$(NAME) $$ $ {NAME} $", "$NAME $(NAME) $$(NAME) $$ $ {NAME} $"],
    ["kill -9 $$; echo ${NAME}", "kill -9 $$; echo shop"],
    // a value is text
    ["${TRICKY}", "${NAME} $${NAME} }"],
  ])("%s", (text, expected) => {
    expect(substitute(text, values)).toEqual({ kind: "text", text: expected });
  });

  it.each([
    [
      "${NAMEE}",
      "UnknownVariable",
      "the variable NAMEE has no value here. Did you mean NAME?",
      /default.*\$\$\{NAMEE\}/,
    ],
    ["${NONE:-${ALSO_NONE}}", "UnknownVariable", "the variable ALSO_NONE has no value here.", /default/],
    ["${cluster.labels.tire}", "UnknownVariable", /Did you mean cluster\.labels\.tier\?/, /default/],
    ["${cluster.labels.tier-dev}", "UnknownVariable", /has no value/, /write \$\{cluster\.labels\.tier:-dev\}/],
    ["${toString}", "UnknownVariable", /toString/, /default/],
    ["${__proto__}", "UnknownVariable", /__proto__/, /default/],
    ["${}", "InvalidSubstitution", /"\$\{\}" is no variable/, /\$\$\{/],
    ["a ${NAME", "InvalidSubstitution", /"\$\{NAME" is no variable/, /\$\$\{/],
    ["${NAME:-x", "InvalidSubstitution", /is no variable/, /\$\$\{/],
    ["${NAME%x}", "InvalidSubstitution", /is no variable/, /\$\$\{/],
    ["${NAME:2}", "InvalidSubstitution", /is no variable/, /\$\$\{/],
    ["${1NAME}", "InvalidSubstitution", /is no variable/, /\$\$\{/],
    ["${ NAME }", "InvalidSubstitution", /is no variable/, /\$\$\{/],
    ["${{ github.sha }}", "InvalidSubstitution", /is no variable/, /\$\$\{/],
    ["${NONE:-".repeat(20) + "}".repeat(20), "InvalidSubstitution", /is no variable/, /\$\$\{/],
  ])("%s is a fault", (text, code, message, fix) => {
    const result = substitute(text, values);
    expect(result).toEqual({
      kind: "faulty",
      fault: {
        code,
        message: message instanceof RegExp ? expect.stringMatching(message) : message,
        fix: expect.stringMatching(fix),
      },
    });
  });

  it("does not let a text grow without bound", () => {
    const long = { X: "x".repeat(100_000) };
    expect(substitute("${X}".repeat(1_000_000), long)).toMatchObject({
      kind: "faulty",
      fault: { message: expect.stringContaining("longer than") },
    });
  });

  it("tells which variables it mentions, those of defaults too", () => {
    const names = new Set<string>();
    addReferences("${B:-${A}} $${NOT} ${cluster.labels.x} $NOT ${B}", names);
    addReferences("${broken", names);
    expect([...names].sort()).toEqual(["A", "B", "cluster.labels.x"]);
  });
});
