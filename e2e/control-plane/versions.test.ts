import { describe, expect, test } from "vitest";
import { toolFolder } from "./build/cache-folder.ts";
import { goBuildArguments, pinnedVersion } from "./build/go-build.ts";
import { tools } from "./versions.ts";

describe("the table of versions", () => {
  test.for(Object.values(tools))("$name is what its Go module pins", (tool) => {
    expect(pinnedVersion(tool)).toBe(tool.version);
  });

  test("another pin, flag or platform is another folder in the cache; another estimate is not", () => {
    const { etcd } = tools;
    expect(toolFolder({ ...etcd, tags: ["other"] }, "/cache")).not.toBe(toolFolder(etcd, "/cache"));
    expect(toolFolder({ ...etcd, buildSeconds: 1 }, "/cache")).toBe(toolFolder(etcd, "/cache"));
  });

  test("Kubernetes is told its version, and a single binary gets its own name", () => {
    expect(goBuildArguments(tools["kubernetes-older"], "/target")).toEqual([
      "build",
      "-v",
      "-trimpath",
      "-ldflags=-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4 " +
        "-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34",
      "-o",
      "/target/",
      "k8s.io/kubernetes/cmd/kube-apiserver",
      "k8s.io/kubernetes/cmd/kube-controller-manager",
      "k8s.io/kubernetes/cmd/kube-scheduler",
    ]);
    expect(goBuildArguments(tools.etcd, "/target")).toContain("/target/etcd");
  });
});
