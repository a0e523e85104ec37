import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import { describe, expect, it } from "vitest";
import { cluster } from "../testing/facts.ts";
import { FocusBook } from "./focus-book.ts";

const app = "app-1" as AppUid;
const [one, two] = [cluster("one"), cluster("two")];
const shown = (book: FocusBook): readonly ClusterId[] | null | undefined => {
  const on = book.of(app);
  return on ? [...on] : (on as null | undefined);
};

describe("FocusBook", () => {
  it("gathers clusters until they are settled", () => {
    const book = new FocusBook();
    expect(book.of(app)).toBeUndefined();
    book.add(app, [one]);
    book.add(app, [two]);
    expect(shown(book)).toEqual([one, two]);
    book.settle(app, book.of(app) ?? null);
    expect(book.of(app)).toBeUndefined();
  });

  it("is of all clusters once that was asked for", () => {
    const book = new FocusBook();
    book.add(app, [one]);
    book.add(app, null);
    book.add(app, [two]);
    expect(shown(book)).toBeNull();
    book.settle(app, null);
    expect(book.of(app)).toBeUndefined();
  });

  it.each<[string, Iterable<ClusterId> | null]>([
    ["a cluster", [two]],
    ["the same cluster", [one]],
    ["all", null],
  ])("keeps %s that was asked for while a plan was made", (_, more) => {
    for (const first of [[one], null]) {
      const book = new FocusBook();
      book.add(app, first);
      const on = book.of(app) ?? null;
      book.add(app, more);
      book.settle(app, on);
      expect(book.of(app)).not.toBeUndefined();
    }
  });
});
