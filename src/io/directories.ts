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

/** Why a file cannot be read; undefined when it can. */
export function judgeFile(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK)
    return statSync(file).isFile() ? undefined : 'it is not a file'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return 'there is no such file'
    return code === 'EACCES' ? 'it may not be read' : 'it cannot be read'
  }
}
