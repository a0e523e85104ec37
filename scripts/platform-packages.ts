type LockedPackage = { version?: string; optionalDependencies?: Record<string, string> };

export type Lockfile = { packages: Record<string, LockedPackage> };

const operatingSystems: Record<string, string> = { windows: "win32" };
const knownOperatingSystems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "sunos", "win32"];
const processors: Record<string, string> = { "64": "x64", aarch64: "arm64", armv7: "arm" };
const knownProcessors = ["arm", "arm64", "ia32", "loong64", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/** Adds every optional package that another one names with an exact version and that has no entry. */
export function completeLockfile(lockfile: Lockfile): { completed: Lockfile; added: string[] } {
  const packages = { ...lockfile.packages };
  const added: string[] = [];
  for (const [location, { optionalDependencies = {} }] of Object.entries(lockfile.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const place = `node_modules/${name}`;
      const isExact = /^\d+\.\d+\.\d+/.test(version);
      if (!isExact || place in packages || isLocked(lockfile, location, name)) continue;
      packages[place] = { version, ...platformOf(name), optional: true } as LockedPackage;
      added.push(`${name}@${version}`);
    }
  }
  // npm's own order, so that its next write moves nothing.
  const sorted = Object.entries(packages).sort(([left], [right]) => left.localeCompare(right, "en"));
  return { completed: { ...lockfile, packages: Object.fromEntries(sorted) }, added };
}

/** Node's way of looking a package up: beside the one that needs it, then in every folder above. */
function isLocked({ packages }: Lockfile, from: string, name: string): boolean {
  for (let folder = from; ; ) {
    if (`${folder === "" ? "" : `${folder}/`}node_modules/${name}` in packages) return true;
    if (folder === "") return false;
    const above = folder.lastIndexOf("/node_modules/");
    folder = above < 0 ? "" : folder.slice(0, above);
  }
}

/** What the name of a platform package says: `@swc/core-linux-arm64-musl` is for Linux, arm64, musl. */
export function platformOf(name: string): { os?: string[]; cpu?: string[]; libc?: string[] } {
  const words = name.split(/[/-]/);
  const os = words.map((word) => operatingSystems[word] ?? word).find((word) => knownOperatingSystems.includes(word));
  const cpu = words.map((word) => processors[word] ?? word).find((word) => knownProcessors.includes(word));
  const libc = words.includes("musl") ? "musl" : null;
  return {
    ...(os === undefined ? {} : { os: [os] }),
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(libc === null ? {} : { libc: [libc] }),
  };
}
