import { describe, expect, it } from "vitest";
import { createAddressPolicy, type Lookup } from "./address-policy.ts";
import { parseAllowed, rangeOf } from "./judge-address.ts";

const { signal } = new AbortController();
const answering =
  (...addresses: string[]): Lookup =>
  async () =>
    addresses;
const policy = (allowed: string[], lookUp?: Lookup) => createAddressPolicy(parseAllowed(allowed), lookUp);

describe("an address's range", () => {
  it.each([
    ["93.184.215.14", "public"],
    ["2606:4700::6810:84e5", "public"],
    ["127.0.0.1", "loopback"],
    ["127.255.0.9", "loopback"],
    ["::1", "loopback"],
    ["10.0.0.1", "private"],
    ["172.31.255.255", "private"],
    ["172.32.0.1", "public"],
    ["192.168.1.1", "private"],
    ["100.64.0.1", "private"],
    ["100.100.100.200", "private"],
    ["fd00:ec2::254", "private"],
    ["fec0::1", "private"],
    ["169.254.169.254", "link-local"],
    ["168.63.129.16", "link-local"],
    ["fe80::1%eth0", "link-local"],
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["::", "unspecified"],
    ["224.0.0.1", "multicast"],
    ["ff02::1", "multicast"],
    ["255.255.255.255", "reserved"],
    ["240.0.0.1", "reserved"],
    ["192.0.2.1", "reserved"],
    ["198.18.0.1", "reserved"],
    ["2001:db8::1", "reserved"],
    ["2001:0:53aa:64c::1", "reserved"],
    ["4000::1", "reserved"],
    // Those that carry an IPv4 address.
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:a9fe:a9fe", "link-local"],
    ["::ffff:93.184.215.14", "public"],
    ["::7f00:1", "reserved"],
    ["64:ff9b::7f00:1", "loopback"],
    ["64:ff9b::a9fe:a9fe", "link-local"],
    ["64:ff9b::5db8:d70e", "public"],
    ["64:ff9b:1::5db8:d70e", "reserved"],
    ["2002:7f00:1::1", "loopback"],
    ["2002:c0a8:101::1", "private"],
  ])("%s is %s", (address, range) => {
    expect(rangeOf(address)).toBe(range);
  });
});

describe("the address policy", () => {
  it.each(["127.0.0.1", "[::1]", "::ffff:127.0.0.1", "[::ffff:7f00:1]", "169.254.169.254"])(
    "refuses %s as it is written, without asking anybody",
    async (host) => {
      const lookUp: Lookup = async () => expect.unreachable();
      await expect(policy([], lookUp).resolve(host, { signal })).rejects.toMatchObject({
        code: "forbidden",
        fix: expect.stringContaining("--allow-addresses"),
      });
    },
  );

  it.each(["localhost", "localhost.", "0x7f.1", "2130706433", "0177.0.0.1"])(
    "judges %s by what the system resolves it to",
    async (host) => {
      await expect(policy([]).resolve(host, { signal })).rejects.toMatchObject({
        code: expect.stringMatching(/forbidden|unavailable/),
      });
      const allowed = await policy(["loopback"])
        .resolve(host, { signal })
        .catch((error: unknown) => error);
      if (Array.isArray(allowed)) for (const address of allowed) expect(rangeOf(address)).toBe("loopback");
      else expect(allowed).toMatchObject({ code: "unavailable" });
    },
  );

  it("refuses localhost", async () => {
    await expect(policy([]).resolve("localhost", { signal })).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringMatching(/^localhost \((127\.0\.0\.1|::1)\) may not be reached/),
    });
  });

  it("answers with all addresses of a public host", async () => {
    const addresses = ["93.184.215.14", "2606:4700::6810:84e5"];
    expect(await policy([], answering(...addresses)).resolve("git.example.com", { signal })).toEqual(addresses);
  });

  it("refuses the whole answer for one address in it", async () => {
    const mixed = policy([], answering("93.184.215.14", "10.0.0.7"));
    await expect(mixed.resolve("git.example.com", { signal })).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("git.example.com (10.0.0.7)"),
    });
  });

  it("judges each time anew: a name that changes its answer gains nothing", async () => {
    const answers = [["93.184.215.14"], ["127.0.0.1"]];
    const rebinding = policy([], async () => answers.shift() ?? []);
    await rebinding.resolve("git.example.com", { signal });
    await expect(rebinding.resolve("git.example.com", { signal })).rejects.toMatchObject({ code: "forbidden" });
  });

  it.each([
    [["all"], "169.254.169.254", true],
    [["loopback"], "127.0.0.1", true],
    [["loopback"], "::1", true],
    [["loopback"], "::ffff:127.0.0.1", true],
    [["loopback"], "10.0.0.1", false],
    [["private"], "fd12::1", true],
    [["private"], "169.254.169.254", false],
    [["10.1.0.0/16"], "10.1.2.3", true],
    [["10.1.0.0/16"], "::ffff:10.1.2.3", true],
    [["10.1.0.0/16"], "10.2.0.1", false],
    [["fd00::/8"], "fd00::1", true],
    [["127.0.0.1"], "127.0.0.1", true],
    [["127.0.0.1"], "127.0.0.2", false],
    [["192.168.0.0/16", "loopback"], "127.0.0.1", true],
  ])("told to allow %s, has %s: %s", async (allowed, address, isReached) => {
    const resolved = policy(allowed).resolve(address, { signal });
    if (isReached) expect(await resolved).toEqual([address]);
    else await expect(resolved).rejects.toMatchObject({ code: "forbidden" });
  });

  it.each(["10.0.0.0/33", "privat", "10", "0x7f.1", "git.example.com", "/8"])("does not understand %s", (text) => {
    expect(() => parseAllowed([text])).toThrow(JSON.stringify(text));
  });

  it("says that a name does not resolve", async () => {
    const lookUp: Lookup = async () => Promise.reject(new Error("ENOTFOUND"));
    await expect(policy([], lookUp).resolve("git.exmaple.com", { signal })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("git.exmaple.com"),
    });
  });

  it("waits no longer than it is told", async () => {
    const stop = new AbortController();
    const resolving = policy([], () => new Promise(() => {})).resolve("git.example.com", { signal: stop.signal });
    stop.abort();
    await expect(resolving).rejects.toMatchObject({ code: "cancelled" });
  });
});
