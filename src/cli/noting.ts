/** Notes an operation in the repository's log, in the name of this user on this machine with this program. */
import { hostname, userInfo } from 'node:os'
import type { Intent, Outcome } from '../ops/audit/note.ts'
import type { Repository } from '../repository/repository.ts'
import type { CommandContext } from './context.ts'
import { stderrWarning } from './output/notes.ts'

/** The result of `operate`, or its error; a note that could not be written is a warning. */
export async function noting<T>(
  context: CommandContext,
  repository: Repository,
  intent: Omit<Intent, 'doer'>,
  operate: () => Promise<T>,
  outcomeOf: (result: T) => Outcome,
): Promise<T> {
  const { noted } = await import('../ops/audit/note.ts')
  const program = { name: 'snap', version: context.version }
  const doer = { hostname: hostname(), username: userName(), program }
  const notNoted = (reason: string): void => stderrWarning(context, `not noted in the audit trail: ${reason}`)
  return noted(repository, { ...intent, doer }, { notNoted }, operate, outcomeOf)
}

/** A user whom the system has no entry for has a number only. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? '')
  }
}
