/** What is mounted in this machine's tree of directories, as Linux tells it. Where there is no `/proc` nothing is known. */
import { readFileSync } from 'node:fs'
import { nameFromBytes } from '../base/names.ts'
import { systemCode } from './system-error.ts'

/** Of a line of the table (proc_pid_mountinfo(5)): where it is mounted. */
const POINT_FIELD = 4

/** The mount points at `path` and below it. `path`: absolute, without links. Throws system errors. */
export function mountsBelow(path: string): string[] {
  const table = told('/proc/self/mountinfo')
  if (table === undefined) return []
  const below = path === '/' ? '/' : `${path}/`
  return mountPoints(table).filter((point) => point === path || point.startsWith(below))
}

/** Of a table of mounts. Blanks, tabs, newlines and backslashes stand in it as octal numbers. */
function mountPoints(table: Buffer): string[] {
  return table
    .toString('latin1')
    .split('\n')
    .flatMap((line) => {
      const point = line.split(' ')[POINT_FIELD]
      if (point === undefined || !point.startsWith('/')) return []
      const bytes = point.replaceAll(/\\([0-3][0-7]{2})/g, (_, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 8)),
      )
      return [nameFromBytes(Buffer.from(bytes, 'latin1'))]
    })
}

/** The number of the mount through which a descriptor was opened: two mounts of one file system differ in nothing else. */
export function mountOfDescriptor(fd: number): number | undefined {
  const digits = /^mnt_id:\s*(\d+)$/m.exec(told(`/proc/self/fdinfo/${fd}`)?.toString('latin1') ?? '')?.[1]
  return digits === undefined ? undefined : Number(digits)
}

function told(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
