import { SemVer } from "semver";
import { AppError } from "./errors.ts";

/**
 * Version ranges as Helm reads them (Masterminds/semver 3.5): `1.x`, `~1.4`, `^1.2`, `>=1.2 <2`, `>=1.2, <2`,
 * `1.2 - 1.4`, `!=1.3.0`, and alternatives with `||`. Pre-releases count only in an alternative that names one. npm's
 * reading differs in pre-releases, `!=` and commas, so of its library only the order of versions is used.
 */
export interface VersionRange {
  readonly text: string;
  /** The version when the range is nothing but one, without wildcards; else null. */
  readonly exact: string | null;
  /** Whether a version, in whatever spelling (`v1.2`), is in the range. What is no version never is. */
  includes(version: string): boolean;
  /** The highest of the versions that are in the range, as it was written there. Null when none is. */
  highestOf(versions: Iterable<string>): string | null;
}

const TEXT_LENGTH_MAX = 512;
const ALTERNATIVES_MAX = 32;

const NUMBER = String.raw`(?:\d+|[xX*])`;
const SUFFIX = String.raw`(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?`;
const VERSION = String.raw`v?${NUMBER}(?:\.${NUMBER}){0,2}${SUFFIX}`;
const OPERATOR = "(?:!=|>=|=>|<=|=<|~>|[=><~^])?";
const HYPHEN = new RegExp(`(${VERSION}) - (${VERSION})`, "g");
const ALTERNATIVE = new RegExp(`^${OPERATOR} ?${VERSION}(?:(?: | ?, ?)${OPERATOR} ?${VERSION})*$`);
const COMPARISON = new RegExp(`(${OPERATOR}) ?(${VERSION})`, "g");
const PARTS = new RegExp(`^v?(${NUMBER})(?:\\.(${NUMBER}))?(?:\\.(${NUMBER}))?(${SUFFIX})$`);

/** An empty text means any release. @throws AppError "invalid" for what is no range. */
export function parseVersionRange(text: string): VersionRange {
  const refuse = (): AppError =>
    new AppError("invalid", `${JSON.stringify(text.slice(0, 80))} is not a version or a range of versions`, {
      fix: 'Write a version (1.4.2) or a range: "1.x", "~1.4", "^1.2", ">=1.2 <2".',
    });
  if (text.length > TEXT_LENGTH_MAX) throw refuse();
  // One blank at most between words also keeps the patterns linear.
  const written = text.replace(/\s+/g, " ").replace(HYPHEN, ">=$1, <=$2").split("||");
  if (written.length > ALTERNATIVES_MAX) throw refuse();
  const alternatives = written.map((part) => {
    const trimmed = part.trim();
    if (trimmed === "" && written.length === 1) return { comparisons: [readComparison("", "*")], hasPrerelease: false };
    if (!ALTERNATIVE.test(trimmed)) throw refuse();
    const comparisons = [...trimmed.matchAll(COMPARISON)].map(([, operator = "", version = ""]) =>
      readComparison(operator, version),
    );
    if (!comparisons.every((comparison) => comparison !== null)) throw refuse();
    return { comparisons, hasPrerelease: comparisons.some(({ version }) => version.prerelease.length > 0) };
  });
  const includes = (version: SemVer): boolean =>
    alternatives.some(
      ({ comparisons, hasPrerelease }) =>
        (hasPrerelease || version.prerelease.length === 0) &&
        comparisons.every((comparison) => comparison !== null && holds(comparison, version)),
    );
  const trimmed = text.trim();
  return {
    text: trimmed,
    exact: readVersion(trimmed) !== null && /\d+\.\d+\.\d+/.test(trimmed) ? trimmed : null,
    includes: (version) => {
      const read = readVersion(version);
      return read !== null && includes(read);
    },
    highestOf: (versions) => {
      let best: { written: string; version: SemVer } | null = null;
      for (const one of versions) {
        // As Helm does: what was asked for to the letter wins, whatever it means.
        if (one === trimmed) return one;
        const version = readVersion(one);
        if (version === null || !includes(version)) continue;
        if (best === null || inOrder(version, best.version) > 0) best = { written: one, version };
      }
      return best?.written ?? null;
    },
  };
}

/** For telling people what there is: the highest releases first, and pre-releases only where there is nothing else. */
export function newestVersions(versions: Iterable<string>, count: number): readonly string[] {
  const read = [...versions].flatMap((written) => {
    const version = readVersion(written);
    return version === null ? [] : [{ written, version }];
  });
  const releases = read.filter(({ version }) => version.prerelease.length === 0);
  return (releases.length > 0 ? releases : read)
    .sort((one, other) => inOrder(other.version, one.version))
    .slice(0, count)
    .map(({ written }) => written);
}

/** Build metadata says nothing about which is newer; it decides all the same, so that the answer is always the same. */
const inOrder = (one: SemVer, other: SemVer): number => one.compare(other) || one.compareBuild(other);

interface Comparison {
  readonly operator: string;
  /** What was left out, or a wildcard, is 0 here. */
  readonly version: SemVer;
  /** The first part that was left out or is a wildcard. */
  readonly open: "major" | "minor" | "patch" | null;
}

function readComparison(operator: string, text: string): Comparison | null {
  const [, major = "", minor, patch, suffix = ""] = PARTS.exec(text) ?? [];
  const isOpen = (part: string | undefined): boolean => part === undefined || /[xX*]/.test(part);
  const open = isOpen(major) ? "major" : isOpen(minor) ? "minor" : isOpen(patch) ? "patch" : null;
  const numbers = open === "major" ? "0.0.0" : open === "minor" ? `${major}.0.0` : `${major}.${minor}.${patch ?? 0}`;
  const version = readVersion(open === "patch" ? `${major}.${minor}.0${suffix}` : `${numbers}${suffix}`);
  return version === null ? null : { operator, version, open };
}

/** `v1.2` is 1.2.0, and leading zeros are overlooked, as Helm does. */
function readVersion(text: string): SemVer | null {
  const match = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?((?:-|\+).*)?$/.exec(text);
  if (match === null || text.length > 256) return null;
  const [, major, minor = "0", patch = "0", suffix = ""] = match;
  try {
    return new SemVer(`${Number(major)}.${Number(minor)}.${Number(patch)}${suffix}`);
  } catch {
    return null;
  }
}

function holds({ operator, version: wanted, open }: Comparison, version: SemVer): boolean {
  const order = version.compare(wanted);
  const isSameMajor = version.major === wanted.major;
  const isSameMinor = isSameMajor && version.minor === wanted.minor;
  switch (operator) {
    case "":
    case "=":
      return open === null ? order === 0 : isNear();
    case "~":
    case "~>":
      return isNear();
    case "!=":
      if (open === "patch") return !isSameMinor || version.comparePre(wanted) !== 0;
      // `!=*` excludes major 0 only: odd, and what Helm does.
      return open === null ? order !== 0 : open === "major" ? order !== 0 || !isSameMajor : !isSameMajor;
    case ">":
      if (open === "minor") return version.major > wanted.major;
      if (open === "patch") return version.major > wanted.major || (isSameMajor && version.minor > wanted.minor);
      return order > 0;
    case ">=":
    case "=>":
      return order >= 0;
    case "<":
      return order < 0;
    case "<=":
    case "=<":
      if (open === null) return order <= 0;
      return version.major < wanted.major || (isSameMajor && (open === "minor" || version.minor <= wanted.minor));
    default:
      return isCompatible();
  }

  /** `~1.2.3`: at least that, and the same minor; of what is left open, any. */
  function isNear(): boolean {
    if (order < 0) return false;
    const isAny = wanted.major === 0 && wanted.minor === 0 && wanted.patch === 0;
    if (isAny && open !== "minor" && open !== "patch") return true;
    return open === "minor" ? isSameMajor : isSameMinor;
  }

  /** `^1.2.3`: at least that, and the same in the leftmost part that is not 0. */
  function isCompatible(): boolean {
    if (order < 0) return false;
    if (wanted.major > 0 || open === "minor") return isSameMajor;
    if (version.major > 0) return false;
    if (wanted.minor > 0 || open === "patch") return isSameMinor;
    return version.minor === 0 && version.patch === wanted.patch;
  }
}
