import { createHash } from "node:crypto";
import type { Digest } from "@muster/shared/model/ids.ts";
import type { BundleInput, BundleResult, Bundler } from "../ports/bundler.ts";

/** Each line `Kind name`, or `Kind namespace/name`, of each file is an object; a line `BROKEN` is a mistake; other text changes nothing. */
export class FakeBundler implements Bundler {
  readonly kind = "plain";
  readonly version: string;
  renders = 0;

  constructor(version = "fake/1") {
    this.version = version;
  }

  prepare(): void {}

  async bundle({ files }: BundleInput): Promise<BundleResult> {
    this.renders += 1;
    const objects: string[] = [];
    for (const file of files) {
      for (const [index, line] of new TextDecoder().decode(file.bytes).split("\n").entries()) {
        if (line === "BROKEN") {
          const where = { path: file.path, line: index + 1, document: 1 };
          return { kind: "invalid", problems: [{ code: "KindMissing", message: '"kind" is missing.', where }] };
        }
        if (/^\w+ \S+/.test(line)) objects.push(line);
      }
    }
    if (objects.length === 0) {
      const message = "the files here hold no object, so there is nothing to run.";
      return { kind: "invalid", problems: [{ code: "NothingRendered", message, where: {} }] };
    }
    const bytes = new TextEncoder().encode(objects.join("\n"));
    return {
      kind: "rendered",
      references: [],
      bundle: {
        digest: `b1:sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest,
        compressed: bytes,
        bytes: bytes.length,
        objects: objects.map((line) => {
          const [kind = "", name = ""] = line.split(" ");
          const slash = name.indexOf("/");
          return { apiVersion: "v1", kind, namespace: name.slice(0, Math.max(0, slash)), name: name.slice(slash + 1) };
        }),
      },
    };
  }

  async close(): Promise<void> {}
}
