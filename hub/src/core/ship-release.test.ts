import { describe, expect, it } from "vitest";
import { release, releases } from "../testing/facts.ts";
import { heldRelease, shipRelease } from "./ship-release.ts";

const actor = { kind: "person", name: "ada@example.com", from: null } as const;
const input = { app: { project: "storefront", name: "shop" }, newest: 3, reason: "looked at it", actor, now: 7 };
const held = release(3, { held: true, cause: { kind: "renderer", detail: "helm 4.3.1 → helm 4.4.0" } });

describe("shipRelease", () => {
  it("lets a held Release go, and says who did it", () => {
    const { held: isHeld, audit } = shipRelease(held, input);
    expect(isHeld).toBe(false);
    expect(audit).toMatchObject([
      {
        at: 7,
        actor,
        action: "ReleaseShipped",
        subject: "app storefront/shop",
        detail: expect.stringMatching(/^shipped r3 \(helm .*: looked at it$/),
      },
    ]);
  });

  it.each([
    ["that is not held", release(3), 3, "r3 of storefront/shop is not held."],
    ["that a newer one overtook", held, 4, "r3 of storefront/shop is not shipped: r4 took its place."],
  ])("refuses one %s", (_what, current, newest, message) => {
    expect(() => shipRelease(current, { ...input, newest })).toThrow(
      expect.objectContaining({ code: "conflict", message }),
    );
  });
});

it("is only the newest Release that waits", () => {
  expect(heldRelease(releases(release(2), held))).toBe(held);
  expect(heldRelease(releases(held, release(4)))).toBeNull();
  expect(heldRelease(releases())).toBeNull();
});
