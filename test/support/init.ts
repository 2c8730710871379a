import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandLine, type Ran } from './command-line.ts'
import { directoryWith } from './config-files.ts'

export const required = ['--origin', 'https://shop.acme.test', '--issuer', 'https://login.acme.test'] as const

/** What `init` did in a folder of its own. */
export interface Written extends Ran {
  readonly folder: string
  /** What stands in the folder now, by path. */
  readonly files: Readonly<Record<string, string>>
}

/** Runs `init` with the required flags and these. */
export async function init(flags: readonly string[] = [], before: Readonly<Record<string, string>> = {}) {
  const folder = directoryWith(before)
  return initIn(folder, [...required, ...flags])
}

/** Runs `init` in a folder. */
export async function initIn(folder: string, flags: readonly string[], ...more: AskArguments): Promise<Written> {
  const ran = await commandLine(['init', folder, ...flags], {}, ...more)
  return { ...ran, folder, files: filesIn(folder) }
}

type AskArguments = [ask?: Parameters<typeof commandLine>[2]]

const filesIn = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    globSync('**', { cwd: folder, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
  )

/** A folder with an empty file for each that the configurations name as mounted. */
export function mountedFiles(): string {
  const folder = join(directoryWith({}), 'pki')
  mkdirSync(folder)
  for (const name of ['service.pem', 'service.key', 'service-ca.pem']) writeFileSync(join(folder, name), '')
  return folder
}
