/** The shells that have a completion script, and what a script is made of. */
import type { CommandShape } from '../command-shape.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** Names of the program that are completed, the first one for what is asked of it where the typed one cannot be run. */
export type ProgramNames = readonly [string, ...string[]]

/** The text of a script. `program`: with all of its commands. */
export type ScriptWriter = (program: CommandShape, names: ProgramNames) => string

/** Asked by the scripts for names of the configuration: `snap __names jobs`. */
export const NAMES_COMMAND = '__names'

/** As one word for bash and zsh, whatever it holds. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
