import { dirname, resolve } from 'node:path'
import type { Config } from '../config.ts'
import { loadConfig, type PlacedProblem } from '../io/config-file.ts'
import { readYaml, type YamlFile } from '../io/yaml-file.ts'
import { spellPath } from '../io/yaml-structure.ts'
import type { Problem } from '../problems.ts'
import { type Cases, casesJsonSchema, casesSchema } from '../trial/cases-schema.ts'
import { checkCases } from '../trial/check-cases.ts'
import { describeIssues } from '../zod-problems.ts'

/** A file of cases and the configuration as it looks from there. */
export interface CasesFile {
  readonly path: string
  readonly cases: Cases
  readonly config: Config
  readonly placeOf: YamlFile['placeOf']
}

export interface ReadCases {
  readonly file: CasesFile | undefined
  readonly problems: readonly PlacedProblem[]
  /** Everything whose change may change the result; and what `include` names by now. */
  readonly files: readonly string[]
  readonly included: () => readonly string[]
}

/** Nobody reads more. */
const MAX_PROBLEMS = 100

/** Reads a file of cases and the configuration with its variables, and lists what is wrong with either. Never throws. */
export function readCases(path: string, configuration: string, environment: NodeJS.ProcessEnv): ReadCases {
  const yaml = readYaml(path)
  const own = [resolve(path), resolve(configuration)]
  const refuse = (problems: readonly PlacedProblem[], files = own): ReadCases => ({
    file: undefined,
    problems: problems.slice(0, MAX_PROBLEMS),
    files,
    included: () => [],
  })
  if (!yaml.file) return refuse(yaml.problems)
  const { value, placeOf } = yaml.file
  const place = ({ path: at, message }: Problem): PlacedProblem => ({ ...placeOf(at), key: spellPath(at), message })
  const parsed = casesSchema.safeParse(value)
  if (!parsed.success)
    return refuse(describeIssues(parsed.error.issues, value, casesJsonSchema).slice(0, MAX_PROBLEMS).map(place))

  const cases = parsed.data
  const loaded = loadAsTried(configuration, cases, environment)
  if (!loaded.ok) return refuse(loaded.problems, [...own, ...loaded.files])
  const problems = checkCases(cases, loaded.config)
  if (problems.length > 0) return refuse(problems.slice(0, MAX_PROBLEMS).map(place), [...own, ...loaded.files])
  return {
    file: { path, cases, config: loaded.config, placeOf },
    problems: [],
    files: [...own, ...loaded.files],
    included: loaded.included,
  }
}

/** The configuration with what the cases say in place of the machine it is for. */
function loadAsTried(file: string, { environment: said, files }: Cases, environment: NodeJS.ProcessEnv) {
  const contents = new Map(
    Object.entries(files).map(([name, content]) => [resolve(dirname(file), name), content] as const),
  )
  return loadConfig(file, { ...environment, ...said }, () => [], { contents })
}
