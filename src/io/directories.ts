import { accessSync, constants, statSync } from 'node:fs'

/** What keeps files from being written there. */
export function judgeDirectory(path: string): string | undefined {
  try {
    if (!statSync(path).isDirectory()) return 'it is not a directory'
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? 'there is no such directory'
      : 'files cannot be written there'
  }
}
