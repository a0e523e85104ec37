import { expect, test } from "vitest";
import { isSameQuantity } from "./quantity.ts";

test.each([
  ["1000m", "1", true],
  ["1000m", 1, true],
  ["0.5", "500m", true],
  [".5", "500m", true],
  ["1Gi", "1024Mi", true],
  ["1Gi", "1G", false],
  ["1e3", "1k", true],
  ["1E3", "1000", true],
  ["1E", "1000P", true],
  ["-1", "-1000m", true],
  ["1", "1001m", false],
  ["9007199254740993", "9007199254740992", false],
  ["", "0", false],
  ["1x", "1x", false],
  ["v1", "v1", false],
  [true, 1, false],
])("%s and %s: %s", (a, b, expected) => expect(isSameQuantity(a, b)).toBe(expected));
