import { expect, test } from "vitest";
import type { Live } from "./live.ts";
import { judgeOwnership } from "./ownership.ts";

const owner = { hash: "h", app: { project: "p", name: "a" } };
const live = (labels: object | undefined, annotations: object = {}): Live =>
  ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "x", uid: "u", resourceVersion: "1", labels, annotations },
  }) as Live;

test.each([
  ["our label and name", live({ "muster.dev/owner": "h" }, { "muster.dev/app": "p/a" }), undefined, "ours"],
  ["our label, the annotation gone", live({ "muster.dev/owner": "h" }), undefined, "ours"],
  [
    "our label, another name: two names of one hash",
    live({ "muster.dev/owner": "h" }, { "muster.dev/app": "p/b" }),
    undefined,
    "other-app",
  ],
  ["no label", live(undefined), undefined, "nobody"],
  ["an empty label", live({ "muster.dev/owner": "" }), undefined, "nobody"],
  ["no label, and the very object that we made", live({}), "u", "ours"],
  ["no label, and another object under its name", live({}), "v", "nobody"],
  ["another's label on the object that we made", live({ "muster.dev/owner": "g" }), "u", "other-app"],
])("%s", (_, object, uid, kind) => expect(judgeOwnership(object, owner, uid).kind).toBe(kind));
