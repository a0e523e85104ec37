/** What one file may ask of whoever reads it. All are far above what people write, and below what hurts. */
export interface YamlLimits {
  readonly fileBytesMax: number;
  readonly documentsMax: number;
  /** Scalars, lists and mappings of one document as they are written. */
  readonly nodesMax: number;
  /** Levels of nesting, aliases followed. */
  readonly depthMax: number;
  /** What the aliases of one document stand for, written out: nodes, and characters of text. */
  readonly aliasNodesMax: number;
  readonly aliasCharactersMax: number;
  /** Characters read again because lines inside brackets or quotes are indented too little, each time counted. */
  readonly repairCharactersMax: number;
}

export const YAML_LIMITS: YamlLimits = {
  fileBytesMax: 4 * 1024 * 1024,
  documentsMax: 20_000,
  nodesMax: 500_000,
  depthMax: 100,
  aliasNodesMax: 50_000,
  aliasCharactersMax: 4 * 1024 * 1024,
  repairCharactersMax: 32 * 1024 * 1024,
};

/** Something in a file that cannot be read, with the place in it. Thrown inside the reader, returned by it. */
export class YamlFault extends Error {
  readonly code: "InvalidYaml" | "InvalidObject" | "TooManyAliases" | "FileTooLarge" | "TooManyObjects";
  /** Characters from the start of the text that was being read. */
  readonly offset: number;
  readonly fix: string | undefined;

  constructor(code: YamlFault["code"], message: string, offset: number, fix?: string) {
    super(message);
    this.name = "YamlFault";
    this.code = code;
    this.offset = offset;
    this.fix = fix;
  }
}
